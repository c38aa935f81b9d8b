"""Engine of long runs: lease, dispatch, supervision, execution, progress and recovery."""

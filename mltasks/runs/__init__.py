"""Engine of long runs: lease, dispatch, supervision, execution, progress reports and recovery."""

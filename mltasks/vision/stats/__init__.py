"""Statistics: metrics, confidence intervals, weighted estimates, paired tests and kappa."""

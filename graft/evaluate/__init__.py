"""What the network answers on the test split, measured: metrics, calibration, abstention and the record of it all."""

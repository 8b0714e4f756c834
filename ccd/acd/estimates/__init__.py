"""How long a wait is likely to be: the model, its calibration, and how good it was."""

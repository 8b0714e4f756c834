"""The softphone's panes, one a file. Each draws what the desk says, and knows nothing else."""

"""Many runs, one table: `reproduce` runs recipes and puts published figures beside ours, `sweep` runs a grid."""

"""What the `pocketdet` command does, a file for each group of subcommands."""

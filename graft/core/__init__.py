"""What every stage uses: errors, params, files, tables, seeds, threads, progress."""

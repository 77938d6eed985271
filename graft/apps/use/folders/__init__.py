"""What a folder of images holds: which files are images of the task, and what its folders say of them."""

"""Two runs side by side: is the difference real?"""

"""Two other caches for FastAPI, used as their own documentation shows, over the same catalog and the same Redis.

They run in a virtual environment of their own (requirements.txt), and import nothing of the application.
"""

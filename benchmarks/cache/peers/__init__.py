"""Two other caches for FastAPI, used as their documentation shows, over the same catalog and the same Redis.

They run in their own virtual environment (requirements.txt), and import nothing of the application.
"""

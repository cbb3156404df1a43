"""Generates catalogs of any size like Amazon Products 2023: same columns, same form of CSV, same distributions.

    python -m local.dataset --rows 1426337 --seed 1 --out .local/data
    python -m local.dataset --rows 1426337 --seed 1 --out .local/changed --change-share 0.01 --change-seed 2

Each chunk of rows has its own stream of random numbers. So memory doesn't grow with the file, and the same arguments
give the same bytes. `profile.json` holds the figures of the real data set
(https://www.kaggle.com/datasets/asaniczka/amazon-products-dataset-2023-1-4m-products) and the words of its titles.
No generated row has an empty title, as some rows of the real one have: every row is valid.
"""

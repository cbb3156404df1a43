"""Makes catalogs like Amazon Products 2023, of any size: same columns, same form of CSV, same distributions.

    python -m local.dataset --rows 1426337 --seed 1 --out .local/data
    python -m local.dataset --rows 1426337 --seed 1 --out .local/changed --change-share 0.01 --change-seed 2

Rows are made in chunks of whole columns, each chunk from a stream of random numbers of its own: memory doesn't grow
with the file, and the same arguments give the same bytes. `profile.json` holds the figures of the real data set
(https://www.kaggle.com/datasets/asaniczka/amazon-products-dataset-2023-1-4m-products) and the words of its titles.
Unlike the real one, no row here has an empty title: every row made is a good one.
"""

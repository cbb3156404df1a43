"""What tests, proofs, benchmarks and load tests share: processes, waiting, HTTP, the application, databases, files."""

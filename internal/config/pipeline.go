package config

// UnreviewedKey is the one setting that a stack's file may have for the pipeline: why the stack is deployed without
// approval. The program ignores it; mskctl reads it.
const UnreviewedKey = "pipeline:unreviewed"

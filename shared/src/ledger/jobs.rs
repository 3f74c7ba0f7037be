//! Recordings as copy jobs: who may copy one, and what came of it.

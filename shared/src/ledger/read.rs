//! Reading the ledger: the calls of a day, one call's whole story.

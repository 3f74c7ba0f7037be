//! Erasing: nothing of a call is left, whatever happens at the same time, and nothing brings it back.

mod contract;
mod crash;
mod meet;
mod retention;
mod scene;
mod restore;

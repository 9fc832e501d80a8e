//! What clients get over HTTPS, from a demo that these tests share: each signs in somebody of its own.

mod audit;
mod chats;
mod completions;
mod embeddings;
mod locks;
mod messages;
mod people;
mod readers;
mod requests;
mod routes;
mod sign_in;

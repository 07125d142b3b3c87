//! TraceHub as its callers meet it: through the router, through the binary, and through SQL as the role that serves.
//!
//! `DATABASE_URL` names a server as `tracehub_owner`, who may create databases; each test gets one of its own.
//! `tracehub_app` must be able to connect to the same server.

mod account;
mod activity;
mod auth;
mod changes;
mod commands;
mod figures;
mod finding;
mod idempotency;
mod links;
mod log_ins;
mod mail_server;
mod mails;
mod migrations;
mod openapi;
mod paper_limits;
mod papers;
mod partners;
mod parts;
mod people;
mod problems;
mod reminders;
mod reports;
mod roles;
mod rows;
mod rules;
mod serving;
mod sessions;
mod shares;
mod shipments;
mod sign_ups;
mod smoke;
mod world;

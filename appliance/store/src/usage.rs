//! Table `usage`: what was used, a row a day, person, workspace and model. Days are UTC, counted from 1970.

use rusqlite::{Row, params};

use crate::{Error, Reader, Tx};

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// What a row counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub user_id: String,
    pub workspace: String,
    pub model: String,
}

/// What is added to a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub requests: u64,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// Requests that were refused for a quota; they are not among `requests`.
    pub refusals: u64,
}

/// One row of a person's own usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    pub day: i64,
    pub model: String,
    pub amount: Amount,
}

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Person,
    Model,
    Workspace,
}

/// One line of the admin's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    pub key: String,
    /// The person's or the workspace's name, as far as there still is one; else the key.
    pub name: String,
    pub amount: Amount,
}

/// The day of a moment.
pub fn day(now_us: i64) -> i64 {
    now_us.div_euclid(DAY_US)
}

/// Microseconds until the next day begins.
pub fn until_midnight_us(now_us: i64) -> i64 {
    DAY_US - now_us.rem_euclid(DAY_US)
}

const SUMS: &str = "coalesce(sum(requests), 0), coalesce(sum(prompt_tokens), 0),
    coalesce(sum(completion_tokens), 0), coalesce(sum(refusals), 0)";

/// What a person has used on a day, in all workspaces and with all models.
pub fn of_day(reader: &Reader, user_id: &str, day: i64) -> Result<Amount, Error> {
    let sql = format!("SELECT {SUMS} FROM usage WHERE user_id = ?1 AND day = ?2");
    Ok(reader.one(&sql, params![user_id, day], |row| amount(row, 0))?.unwrap_or_default())
}

/// A person's days since `from_day`, the newest first, a row a model.
pub fn list_of(reader: &Reader, user_id: &str, from_day: i64) -> Result<Vec<Day>, Error> {
    let sql = format!(
        "SELECT day, model, {SUMS} FROM usage WHERE user_id = ?1 AND day >= ?2
         GROUP BY day, model ORDER BY day DESC, model"
    );
    let row = |row: &Row<'_>| Ok(Day { day: row.get(0)?, model: row.get(1)?, amount: amount(row, 2)? });
    reader.all(&sql, params![user_id, from_day], row)
}

/// Everybody's usage since `from_day`, added up; the most tokens first.
pub fn totals(reader: &Reader, from_day: i64, by: By) -> Result<Vec<Total>, Error> {
    let (key, name) = match by {
        By::Person => ("user_id", "(SELECT name FROM users WHERE id = user_id)"),
        By::Model => ("model", "model"),
        By::Workspace => ("workspace", "(SELECT name FROM workspaces WHERE id = workspace)"),
    };
    let sql = format!(
        "SELECT {key}, coalesce({name}, {key}), {SUMS} FROM usage WHERE day >= ?1
         GROUP BY {key} ORDER BY sum(prompt_tokens) + sum(completion_tokens) DESC, 2"
    );
    let row = |row: &Row<'_>| Ok(Total { key: row.get(0)?, name: row.get(1)?, amount: amount(row, 2)? });
    reader.all(&sql, [from_day], row)
}

/// Adds to the row of the day, which is made if it is the first.
pub fn add(tx: &mut Tx<'_>, account: &Account, day: i64, amount: Amount) -> Result<(), Error> {
    let sql = "INSERT INTO usage (day, user_id, workspace, model, requests, prompt_tokens, completion_tokens, refusals)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               ON CONFLICT (day, user_id, workspace, model) DO UPDATE SET
                   requests = requests + ?5, prompt_tokens = prompt_tokens + ?6,
                   completion_tokens = completion_tokens + ?7, refusals = refusals + ?8";
    let Account { user_id, workspace, model } = account;
    let Amount { requests, prompt_tokens, completion_tokens, refusals } = amount;
    let values =
        params![day, user_id, workspace, model, requests, prompt_tokens, completion_tokens, refusals];
    tx.execute(sql, values)?;
    Ok(())
}

fn amount(row: &Row<'_>, first: usize) -> rusqlite::Result<Amount> {
    Ok(Amount {
        requests: row.get(first)?,
        prompt_tokens: row.get(first + 1)?,
        completion_tokens: row.get(first + 2)?,
        refusals: row.get(first + 3)?,
    })
}

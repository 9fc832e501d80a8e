//! Every route, used by whoever may use it, leaves the records that the list of routes says, and no others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use redoubt::audit::root::Root;
use redoubt::config::Alert;
use redoubt::http::{Trace, routes};
use redoubt_audit::Event;
use redoubt_audit::catalogue as event;
use redoubt_store::Clock as _;
use redoubt_store::users::Role;
use ring::rand::SystemRandom;
use serde_json::{Value, json};

use super::appliance::{House, PASSWORD, block_on};
use crate::support::{Answer, Client, await_some};

/// What nobody asks for by HTTP: the appliance does it, or the console over a store that nobody serves.
const OF_THE_APPLIANCE: &[Event] = &[
    event::SYSTEM_INIT,
    event::SYSTEM_BOOT,
    event::SYSTEM_STOP,
    event::SYSTEM_CLOCK_STEP,
    event::SYSTEM_CONFIG,
    event::SYSTEM_ENGINE_RESTART,
    event::BACKUP_RESTORE,
    event::STORE_UNLOCK,
    event::DATA_KEY_ROTATE,
    event::RECOVERY,
    event::SYSTEM_UPGRADE,
    event::SYSTEM_DOWNGRADE,
    event::SYSTEM_ROLLBACK,
    event::STORAGE_THRESHOLD,
    event::STORE_INTEGRITY,
    event::EGRESS_SELFTEST,
    event::LOGIN_LOCKOUT,
    event::LOGIN_RATE_LIMIT,
    event::SESSION_EXPIRED,
    event::USER_RENAME,
    event::USER_DIRECTORY,
    event::USER_GROUPS,
    event::DIRECTORY_AWAY,
    event::DIRECTORY_BACK,
    event::APIKEY_REFUSED,
    event::ALERT_RAISED,
    event::PURGE_DONE,
    event::AUTHORISATION_REFUSED,
    event::REFUSALS_SUMMARY,
    event::CHECKPOINT,
    event::KEY_CERTIFY,
    event::KEY_ROTATE,
    event::LOG_RESTORED,
];

/// These need a directory or a certificate, and are used where there is one (`identity::`), or belong to the console
/// (`backup::`, `unlock::`).
const ELSEWHERE: [&str; 10] = [
    "POST /api/v1/console/backups",
    "POST /api/v1/console/models",
    "GET /api/v1/console/slots",
    "POST /api/v1/console/slots",
    "POST /api/v1/console/slots/test",
    "DELETE /api/v1/console/slots/{id}",
    "POST /api/v1/console/slots/{id}/secret",
    "POST /api/v1/session/certificate",
    "POST /api/v1/admin/directory/test",
    "POST /api/v1/admin/mappings/dry-run",
];

/// It ends what another request began, and so is recorded under that one's id.
const STOP: &str = "POST /api/v1/chats/{id}/stop";

/// Uses routes and notes under which ids.
struct Tour {
    house: House,
    /// By route: the ids of its requests.
    requests: RefCell<BTreeMap<String, BTreeSet<String>>>,
}

impl Tour {
    fn of(house: House) -> Self {
        Self { house, requests: RefCell::default() }
    }

    /// `route`: method and pattern; its parts in braces are replaced by `ids`, and `query` follows.
    fn ask(&self, who: &Client, route: &str, ids: &[&str], query: &str, body: Option<Value>) -> Answer {
        let (method, pattern) = route.split_once(' ').unwrap();
        let mut ids = ids.iter();
        let parts =
            pattern.split('/').map(|part| if part.starts_with('{') { ids.next().unwrap() } else { part });
        let path = parts.collect::<Vec<_>>().join("/") + query;
        let answer = match body {
            Some(body) => who.json(method, &path, &body),
            None => who.send(method, &path, &[], None),
        };
        assert!((200..300).contains(&answer.status), "{route}: {} {}", answer.status, answer.text());
        let id = answer.header("x-request-id").unwrap().to_owned();
        self.requests.borrow_mut().entry(route.to_owned()).or_default().insert(id);
        answer
    }

    fn get(&self, who: &Client, pattern: &str, ids: &[&str]) -> Answer {
        self.ask(who, &format!("GET {pattern}"), ids, "", None)
    }

    fn delete(&self, who: &Client, pattern: &str, ids: &[&str]) -> Answer {
        self.ask(who, &format!("DELETE {pattern}"), ids, "", None)
    }

    fn post(&self, who: &Client, pattern: &str, ids: &[&str], body: Value) -> Answer {
        self.ask(who, &format!("POST {pattern}"), ids, "", Some(body))
    }

    fn patch(&self, who: &Client, pattern: &str, ids: &[&str], body: Value) -> Answer {
        self.ask(who, &format!("PATCH {pattern}"), ids, "", Some(body))
    }

    /// What was made, by its id.
    fn make(&self, who: &Client, pattern: &str, ids: &[&str], body: Value) -> String {
        id(&self.post(who, pattern, ids, body).json())
    }

    fn sign_in(&self, name: &str, role: Role) -> Client {
        self.house.person(name, role);
        let code = self.house.next_code(name);
        let mut client = self.house.client();
        let answer =
            self.post(&client, "/api/v1/session", &[], json!({"username": name, "password": PASSWORD}));
        client.keep_cookies(&answer);
        let answer = self.post(&client, "/api/v1/session/totp", &[], json!({"code": code}));
        client.keep_cookies(&answer);
        client
    }

    /// The events of each request, as the log has them.
    fn recorded(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut recorded: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for act in event::ALL.iter().map(|event| event.act()) {
            for record in self.house.log(act) {
                if let Some(request) = record["req"].as_str() {
                    recorded.entry(request.to_owned()).or_default().insert(act.to_owned());
                }
            }
        }
        recorded
    }
}

fn id(made: &Value) -> String {
    made["id"].as_str().unwrap_or_else(|| panic!("no id in {made}")).to_owned()
}

fn entry(tour: &Tour) {
    let nobody = tour.house.client();
    for path in ["/api/v1/appliance", "/healthz", "/readyz", "/metrics", "/api/v1/openapi.json"] {
        tour.get(&nobody, path, &[]);
    }
    let other = tour.sign_in("alice", Role::Analyst);
    let mut alice = tour.sign_in("alice", Role::Analyst);
    tour.get(&alice, "/api/v1/me", &[]);
    tour.post(&alice, "/api/v1/session/lock", &[], json!({}));
    let code = tour.house.next_code("alice");
    let unlocked = tour.post(&alice, "/api/v1/session/unlock", &[], json!({"code": code}));
    alice.keep_cookies(&unlocked);
    let proof = json!({"password": PASSWORD, "code": tour.house.next_code("alice")});
    let proven = tour.post(&alice, "/api/v1/session/proof", &[], proof);
    alice.keep_cookies(&proven);
    tour.post(&alice, "/api/v1/me/recovery-codes", &[], json!({}));
    let own = House::me(&other)["session"]["id"].as_str().unwrap().to_owned();
    tour.get(&alice, "/api/v1/sessions", &[]);
    tour.delete(&alice, "/api/v1/sessions/{id}", &[&own]);
    tour.delete(&alice, "/api/v1/session", &[]);
}

fn work(tour: &Tour) {
    let second = tour.house.workspace("second", &["bob"]);
    let bob = tour.sign_in("bob", Role::Analyst);
    tour.post(&bob, "/api/v1/session/workspace", &[], json!({"workspace": second}));
    for path in ["/api/v1/models", "/api/v1/chats", "/api/v1/keys", "/api/v1/prompts", "/api/v1/usage"] {
        tour.get(&bob, path, &[]);
    }
    let params = json!({"temperature": 0, "max_tokens": 2});
    let (one, chats) = ("/api/v1/chats/{id}", "/api/v1/chats");
    let chat = tour.make(&bob, chats, &[], json!({}));
    let asked = json!({"content": "A heron?", "params": params});
    tour.post(&bob, "/api/v1/chats/{id}/messages", &[&chat], asked);
    let messages = tour.get(&bob, one, &[&chat]).json()["messages"].clone();
    let answer = id(&messages[1]);
    let again = json!({"params": params});
    tour.post(&bob, "/api/v1/chats/{id}/messages/{mid}/regenerate", &[&chat, &answer], again);
    tour.get(&bob, "/api/v1/chats/{id}/messages/{mid}/events", &[&chat, &answer]);
    tour.ask(&bob, STOP, &[&chat], "", None);
    tour.patch(&bob, one, &[&chat], json!({"title": "herons"}));
    tour.ask(&bob, "GET /api/v1/search", &[], "?q=heron", None);
    tour.ask(&bob, "GET /api/v1/chats/{id}/export", &[&chat], "?format=json", None);
    tour.delete(&bob, one, &[&chat]);
    let key = json!({"name": "a key", "scopes": ["chat"], "expires_in_days": 1});
    let key = id(&tour.post(&bob, "/api/v1/keys", &[], key).json()["key"]);
    tour.delete(&bob, "/api/v1/keys/{id}", &[&key]);
    let prompt = tour.make(&bob, "/api/v1/prompts", &[], json!({"name": "a prompt", "content": "x"}));
    tour.patch(&bob, "/api/v1/prompts/{id}", &[&prompt], json!({"name": "another"}));
    tour.delete(&bob, "/api/v1/prompts/{id}", &[&prompt]);
}

fn programs(tour: &Tour) {
    let program = tour.house.program("carol", 1);
    tour.get(&program, "/v1/models", &[]);
    tour.post(&program, "/v1/chat/completions", &[], tour.house.completion("A heron?", 2));
    let texts = json!({"model": tour.house.embedding, "input": "A heron."});
    tour.post(&program, "/v1/embeddings", &[], texts);
}

fn people(tour: &Tour) {
    let admin = tour.sign_in("root", Role::Admin);
    let (all, one) = ("/api/v1/admin/people", "/api/v1/admin/people/{id}");
    tour.get(&admin, all, &[]);
    let made = tour.post(&admin, all, &[], json!({"username": "dora", "role": "analyst"})).json();
    let dora = made["person"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    tour.get(&admin, one, &[&dora]);
    tour.post(&admin, "/api/v1/admin/people/{id}/password", &[&dora], json!({}));
    tour.post(&admin, "/api/v1/admin/people/{id}/unlock", &[&dora], json!({}));

    let sessions = "/api/v1/admin/people/{id}/sessions";
    let erin = tour.house.person("erin", Role::Analyst).id;
    let client = tour.house.analyst("erin");
    let key = json!({"name": "a key", "scopes": ["chat"], "expires_in_days": 1});
    let key = id(&client.post("/api/v1/keys", &key).is(201).json()["key"]);
    let admin = tour.sign_in("root", Role::Admin);
    tour.get(&admin, "/api/v1/admin/people/{id}/keys", &[&erin]);
    tour.delete(&admin, "/api/v1/admin/people/{id}/keys/{key}", &[&erin, &key]);
    tour.get(&admin, "/api/v1/admin/people/{id}/explain", &[&erin]);
    tour.get(&admin, sessions, &[&erin]);
    tour.delete(&admin, sessions, &[&erin]);
    let open = House::me(&tour.house.analyst("erin"))["session"]["id"].as_str().unwrap().to_owned();
    let admin = tour.sign_in("root", Role::Admin);
    tour.get(&admin, "/api/v1/admin/sessions", &[]);
    tour.delete(&admin, "/api/v1/admin/sessions/{id}", &[&open]);
    tour.post(&admin, "/api/v1/admin/people/{id}/totp-reset", &[&erin], json!({}));
    tour.patch(&admin, one, &[&erin], json!({"role": "auditor", "display_name": "E."}));
    tour.patch(&admin, one, &[&erin], json!({"disabled": true}));
    tour.patch(&admin, one, &[&erin], json!({"disabled": false}));
}

fn rights(tour: &Tour) {
    let admin = tour.sign_in("root", Role::Admin);
    for page in ["models", "system", "directory", "audit"] {
        tour.get(&admin, &format!("/api/v1/admin/{page}"), &[]);
    }
    tour.ask(&admin, "GET /api/v1/admin/usage", &[], "?by=person", None);
    block_on(tour.house.app.tidy()).unwrap();
    let alerts = tour.get(&admin, "/api/v1/admin/alerts", &[]).json();
    let raised = id(&alerts["items"][0]);
    tour.post(&admin, "/api/v1/admin/alerts/{id}/acknowledge", &[&raised], json!({}));

    let (all, one) = ("/api/v1/admin/groups", "/api/v1/admin/groups/{id}");
    let member = "/api/v1/admin/groups/{id}/members/{user}";
    let group = tour.make(&admin, all, &[], json!({"name": "a group"}));
    let frank = tour.house.person("frank", Role::Analyst).id;
    tour.ask(&admin, &format!("PUT {member}"), &[&group, &frank], "", None);
    tour.get(&admin, "/api/v1/admin/groups/{id}/members", &[&group]);
    tour.delete(&admin, member, &[&group, &frank]);
    tour.get(&admin, all, &[]);
    tour.get(&admin, one, &[&group]);
    tour.patch(&admin, one, &[&group], json!({"name": "another"}));
    tour.delete(&admin, one, &[&group]);

    let (all, one) = ("/api/v1/admin/workspaces", "/api/v1/admin/workspaces/{id}");
    let workspace = tour.make(&admin, all, &[], json!({"name": "a workspace"}));
    tour.get(&admin, all, &[]);
    tour.get(&admin, one, &[&workspace]);
    tour.patch(&admin, one, &[&workspace], json!({"name": "another", "people": [frank]}));
    tour.delete(&admin, one, &[&workspace]);

    let all = "/api/v1/admin/mappings";
    let mapping = tour.make(&admin, all, &[], json!({"directory_group": "cn=x", "role": "admin"}));
    tour.get(&admin, all, &[]);
    tour.delete(&admin, "/api/v1/admin/mappings/{id}", &[&mapping]);
}

fn custody(tour: &Tour) {
    const DAY: i64 = 24 * 60 * 60;
    let grace = tour.house.analyst("grace");
    let spilt = grace.new_chat();
    let archived = grace.new_chat();
    let keeps = json!({"retention_days": 10, "retention_action": "archive"});
    tour.house.admin().patch("/api/v1/admin/workspaces/general", &keeps).is(200);
    let auditor = tour.sign_in("auditor", Role::Auditor);
    let holds = "/api/v1/audit/holds";
    let hold = tour.make(&auditor, holds, &[], json!({"kind": "chat", "target": spilt, "reason": "x"}));
    tour.get(&auditor, holds, &[]);

    tour.house.clock.advance(11 * DAY);
    let admin = tour.sign_in("root", Role::Admin);
    tour.get(&admin, "/api/v1/admin/retention/preview", &[]);
    tour.post(&admin, "/api/v1/admin/retention/run", &[], json!({}));
    tour.get(&admin, "/api/v1/admin/archives", &[]);
    tour.post(&admin, "/api/v1/admin/archives/{id}/restore", &[&archived], json!({}));

    let auditor = tour.sign_in("auditor", Role::Auditor);
    tour.delete(&auditor, "/api/v1/audit/holds/{id}", &[&hold]);
    let asking = "/api/v1/admin/purges";
    let purge = tour.make(&admin, asking, &[], json!({"chat": spilt, "reason": "x"}));
    let refused = tour.make(&admin, asking, &[], json!({"chat": archived, "reason": "x"}));
    tour.get(&admin, asking, &[]);
    let approval = "/api/v1/audit/purges/{id}/approval";
    tour.post(&auditor, approval, &[&refused], json!({"approve": false}));
    tour.post(&auditor, approval, &[&purge], json!({"approve": true}));
    await_some("the end of the purge", || {
        let cases = tour.get(&auditor, "/api/v1/audit/purges", &[]).json();
        cases["items"].as_array().unwrap().iter().any(|case| case["purge"]["state"] == "done").then_some(())
    });
    tour.get(&auditor, "/api/v1/audit/purges/{id}/statement", &[&purge]);
}

fn auditing(tour: &Tour) {
    let auditor = tour.sign_in("auditor", Role::Auditor);
    for path in ["/api/v1/audit/records", "/api/v1/audit/events", "/api/v1/audit/exports"] {
        tour.get(&auditor, path, &[]);
    }
    tour.get(&auditor, "/api/v1/audit/records/{seq}", &["0"]);
    let checkpoints = tour.get(&auditor, "/api/v1/audit/checkpoints", &[]).json();
    let size = checkpoints["items"][0]["size"].to_string();
    tour.get(&auditor, "/api/v1/audit/checkpoints/{size}", &[&size]);
    tour.post(&auditor, "/api/v1/audit/exports", &[], json!({}));
}

#[test]
fn every_route_leaves_the_records_that_it_says_and_no_others() {
    let house = House::with(|config| {
        config.listen.metrics = vec!["127.0.0.1".to_owned()];
        config.alerts.refusals = Alert { threshold: 1, window_seconds: 600 };
    });
    let models = json!([house.model, house.embedding]);
    house.change_group("everyone", &json!({"models": models, "permissions": {"api_keys": "allow"}}));
    let root = Root::generate("redoubt/test", &SystemRandom::new()).unwrap();
    root.certify(&house.store, house.clock.now_us(), &SystemRandom::new()).unwrap();
    house.store.write_blocking(|tx| tx.checkpoint()).unwrap();
    house.client().get("/api/v1/me").is(401);
    let tour = Tour::of(house);
    for part in [entry, work, programs, people, rights, custody, auditing] {
        part(&tour);
    }

    let recorded = tour.recorded();
    let requests = tour.requests.borrow();
    let mut problems = Vec::new();
    for route in routes() {
        let name = format!("{} {}", route.method, route.path);
        let Some(ids) = requests.get(&name) else {
            if !ELSEWHERE.contains(&name.as_str()) {
                problems.push(format!("{name}: nobody used it"));
            }
            continue;
        };
        let left: BTreeSet<&str> =
            ids.iter().filter_map(|id| recorded.get(id)).flatten().map(String::as_str).collect();
        let said: BTreeSet<&str> = match route.trace {
            Trace::Records(events) => events.iter().map(|event| event.act()).collect(),
            Trace::Own | Trace::Common => BTreeSet::new(),
        };
        let fits = left.is_subset(&said) && (left.is_empty() == said.is_empty() || name == STOP);
        if !fits {
            problems.push(format!("{name}: it says {said:?} and leaves {left:?}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_event_is_of_a_route_or_of_the_appliance() {
    let of_routes = routes().into_iter().filter_map(|route| match route.trace {
        Trace::Records(events) => Some(events),
        Trace::Own | Trace::Common => None,
    });
    let mut found: BTreeSet<&str> = of_routes.flatten().map(|event| event.act()).collect();
    found.extend(OF_THE_APPLIANCE.iter().map(|event| event.act()));
    let missing: Vec<&str> =
        event::ALL.iter().map(|event| event.act()).filter(|act| !found.contains(act)).collect();
    assert!(missing.is_empty(), "nobody records {missing:?}");
}

#[test]
fn whatever_writes_says_what_it_records() {
    let silent = routes().into_iter().filter(|route| {
        route.method.as_str() != "GET" && !matches!(route.trace, Trace::Records(events) if !events.is_empty())
    });
    let silent: Vec<String> = silent.map(|route| format!("{} {}", route.method, route.path)).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

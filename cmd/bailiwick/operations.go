// The table of operations. The commands of `bailiwick ctl`, the routes of the API, its description
// and docs/reference/control.md follow from it.

package main

import (
	"slices"

	"bailiwick/internal/console"
)

// operation is an operation of a running server.
type operation struct {
	console.Operation
	run func(*running, console.Request) (console.Result, error)
}

// groups explain the commands that are only the beginning of others.
var groups = map[string]string{
	"anchors":     "Show and manage the keys of zones with trust anchors (RFC 5011)",
	"changes":     "Show or forget the changes that outlive a restart",
	"clock":       "Move the server's clock (builds with the tag testclock only)",
	"cookies":     "Change the secret of DNS cookies",
	"dnstap":      "Show how it is with copies of DNS messages, or begin another file",
	"failures":    "Show the steps of resolutions that failed, or of names that are watched",
	"forwards":    "Show the servers of forward and stub zones, or change those of forward zones",
	"maintenance": "Say when a zone is expected to fail, so that it raises no alarm",
	"log":         "Show or change what is logged",
	"network":     "Show the zones that networks announce, or say which may be forwarded",
	"nta":         "Switch validation off for a broken zone for a while (RFC 7646)",
	"settings":    "Show or replace what can change at run time, as a whole",
	"watch":       "Show the zones that are watched, or probe one",
}

// operations returns the table.
func operations() []operation {
	return inFleet(slices.Concat(serverOperations(), fleetOperations(), explainOperations(),
		cacheOperations(), upstreamOperations(), trustOperations(), incidentOperations(),
		watchOperations(), reportOperations(), failureOperations(), policyOperations(),
		networkOperations(), settingOperations(), certificateOperations()))
}

// operations returns the table for a server.
func (r *running) operations() (list []console.Operation) {
	for _, o := range operations() {
		op := o.Operation
		op.Run = func(q console.Request) (console.Result, error) { return r.perform(&o, q) }
		list = append(list, op)
	}
	return list
}

// persist is the argument of changes that may outlive a restart.
var persist = console.Param{Name: "persist", Kind: console.Boolean,
	Help: "keep it over reloads and restarts, in state.directory"}

// ofView is the argument of changes that may be for the clients of a view.
var ofView = console.Param{Name: "view",
	Help: "for the clients of this view; else for all that have no forward zones of their own"}

// changed are the fields of a change of the configuration.
var changed = []console.Field{
	{Name: "config", Help: "in use, if it is"},
	{Name: "forgotten", Kind: console.Integer, Help: "entries of the caches that were dropped"},
	{Name: "changed", Optional: true, Help: "keys that have another value"},
	{Name: "opened", Optional: true, Help: "listeners"},
	{Name: "closed", Optional: true, Help: "listeners"},
	{Name: "needs_restart", Optional: true, Help: "keys that hold from one start to the next"},
	{Name: "warnings", Kind: console.List, Optional: true},
}

// lasting are those of one that may outlive a restart.
var lasting = append(slices.Clone(changed),
	console.Field{Name: "until", Help: "how long it holds"},
	console.Field{Name: "not_saved", Optional: true, Help: "why a restart would forget it"})

func serverOperations() []operation {
	return []operation{{console.Operation{Name: "status",
		Short:   "Show how the server is",
		Suggest: []string{"info", "state", "show"},
		Fields: []console.Field{{Name: "version"}, {Name: "pid", Kind: console.Integer},
			{Name: "uptime"}, {Name: "time", Help: "by the server's clock"},
			{Name: "config", Help: "the file of the configuration"},
			{Name: "ready", Help: "yes, or why not"},
			{Name: "network", Help: "how the connection to servers is"},
			{Name: "listeners", Kind: console.List},
			{Name: "xdp", Kind: console.List, Help: "interfaces of listen.xdp, and how they " +
				"are served"},
			{Name: "cache_bytes", Kind: console.Integer},
			{Name: "cache_limit", Kind: console.Integer},
			{Name: "answers", Kind: console.Integer, Help: "prepared answers"},
			{Name: "rrsets", Kind: console.Integer},
			{Name: "in_flight", Kind: console.Integer, Help: "fetches that are under way"},
			{Name: "log_level"},
			{Name: "confined", Help: "by what, and by which capabilities: see confinement"},
			{Name: "descriptors",
				Help: "how many may be open, and how many may be needed for what"},
			{Name: "kept_changes", Kind: console.Integer,
				Help: "changes that outlive a restart: see changes list"},
		}}, (*running).status}, {console.Operation{Name: "stats",
		Short: "Show the counters and gauges",
		Long: "Show the metrics as they are at /metrics of admin.listen, without those of Go and " +
			"the process, and histograms by their count and sum alone.",
		Example: "ctl stats bailiwick_queries",
		Suggest: []string{"metrics", "counters", "stats_noreset"},
		Params: []console.Param{{Name: "prefix", Positional: true,
			Help: "only metrics whose name begins with this"},
			{Name: "metric", Kind: console.List, Help: "only these metrics"}},
		Rows: []console.Field{{Name: "metric"}, {Name: "labels"},
			{Name: "value", Kind: console.Number}},
	}, (*running).stats}, {console.Operation{Name: "confinement",
		Short: "Show what the process is confined to",
		Long: "Show by what the process is confined, and which paths it may use: what is at or " +
			"below them. The paths are those of the configuration as it was at the start.",
		Suggest: []string{"sandbox", "landlock", "seccomp", "hardening"},
		Fields: []console.Field{{Name: "landlock", Help: "version of the kernel's, or no"},
			{Name: "seccomp"}, {Name: "user"}, {Name: "capabilities"},
			{Name: "missing", Optional: true, Help: "what could not be had, and why"}},
		Rows: []console.Field{{Name: "path"}, {Name: "may"}, {Name: "for"}},
	}, (*running).confinementState}, {console.Operation{Name: "reload", Changes: true,
		Short: "Read the configuration again, and use all of it or nothing",
		Long: "Read the configuration again, as SIGHUP does. If anything is wrong with it, all " +
			"errors are listed and everything stays as it is. Otherwise the new one is in use " +
			"afterwards: listeners that are in both stay open with their connections, and no " +
			"query is lost. What can change at a restart only is listed. Changes that were " +
			"made at run time are undone, but for those that are kept (changes list).\n\n" +
			"Exit status: 0 in use; 1 refused.",
		Suggest: []string{"reconfig", "reread", "refresh", "hup"},
		Fields:  changed,
	}, (*running).reloadCommand}, {console.Operation{Name: "drain", Changes: true,
		Short: "End the server in an orderly way",
		Long: "End the server as SIGTERM does: /readyz turns off, the server goes on for " +
			"shutdown.wait, answers what is in work, tells clients with connections that they " +
			"end, and stops.",
		Suggest: []string{"stop", "shutdown", "quit", "exit", "halt"},
		Params: []console.Param{{Name: "wait",
			Help: "go on for this time in place of shutdown.wait, for example 30s"}},
		Fields: []console.Field{{Name: "draining"}, {Name: "wait"}},
	}, (*running).drain}, {console.Operation{Name: "upgrade", Changes: true,
		Short: "Have the installed program take over without losing a query",
		Long: "Start the program that is installed now, with the arguments of the running one, " +
			"and hand it all sockets, as SIGUSR2 does. The running process ends when the new " +
			"one serves. If that does not start, the running one goes on.\n\n" +
			"Exit status: 0 a new process serves; 1 the old one goes on.",
		Suggest: []string{"update", "takeover", "handover", "re-exec"},
		Fields:  []console.Field{{Name: "upgrade"}, {Name: "pid", Kind: console.Integer}},
	}, (*running).upgradeCommand}, {console.Operation{Name: "clock advance", Changes: true,
		Short: "Let time pass, in builds with the tag testclock alone",
		Params: []console.Param{{Name: "duration", Required: true, Positional: true,
			Help: "how much time, for example 1h0m0s"}},
	}, (*running).advance}, {console.Operation{Name: "cookies renew", Changes: true,
		Short: "Make cookies with a new random secret; those that are out stay valid",
		Long: "Make cookies with a new random secret. Cookies that were made with the one before " +
			"are accepted for an hour, and their clients get new ones. A secret of the " +
			"configuration is changed there.",
		Suggest: []string{"rotate", "activate_cookie_secret", "add_cookie_secret"},
		Fields:  []console.Field{{Name: "cookies"}, {Name: "former"}},
	}, (*running).renewCookies}, {console.Operation{Name: "querylog",
		Short: "Show how the query log is",
		Fields: []console.Field{{Name: "to"}, {Name: "file", Optional: true},
			{Name: "sample", Kind: console.Integer, Help: "one query in so many is logged"},
			{Name: "written", Kind: console.Integer},
			{Name: "dropped", Kind: console.Integer, Help: "as more came than could be written"},
			{Name: "lost", Kind: console.Integer, Help: "as writing failed"},
			{Name: "problem", Optional: true, Help: "why lines are lost"}},
		Rows: []console.Field{{Name: "view"}, {Name: "to"}, {Name: "file"},
			{Name: "sample", Kind: console.Integer},
			{Name: "written", Kind: console.Integer,
				Help: "of all views whose lines go there"},
			{Name: "dropped", Kind: console.Integer}, {Name: "lost", Kind: console.Integer},
			{Name: "problem"}},
	}, (*running).queryLog}, {console.Operation{Name: "querylog reopen", Changes: true,
		Short:   "Open the file of the query log again, after something has moved it away",
		Suggest: []string{"rotate", "log_reopen"},
		Fields:  []console.Field{{Name: "reopen"}},
	}, (*running).reopenQueryLog}, {console.Operation{Name: "dnstap",
		Short: "Show how it is with copies of DNS messages",
		Fields: []console.Field{{Name: "to"}, {Name: "place", Optional: true},
			{Name: "sample", Kind: console.Integer, Optional: true,
				Help: "the messages of one query in so many are copied"},
			{Name: "written", Kind: console.Integer},
			{Name: "dropped", Kind: console.Integer, Help: "as more came than could be written"},
			{Name: "lost", Kind: console.Integer, Help: "as writing failed"},
			{Name: "problem", Optional: true, Help: "why messages are lost"}},
	}, (*running).dnstapState}, {console.Operation{Name: "dnstap rotate", Changes: true,
		Short:   "Rename the file of messages, and begin another one",
		Suggest: []string{"roll"},
		Fields:  []console.Field{{Name: "rotate"}},
	}, (*running).rotateDnstap}, {console.Operation{Name: "fleet",
		Short: "Show how it is with the memory that several servers share",
		Fields: []console.Field{{Name: "store"},
			{Name: "state", Help: "off, in use, or for how long it is not asked"},
			{Name: "secrets", Kind: console.Integer, Help: "that are accepted"},
			{Name: "waiting", Kind: console.Integer, Help: "records to be written"},
			{Name: "written", Kind: console.Integer},
			{Name: "dropped", Kind: console.Integer, Help: "as more came than could be written"},
			{Name: "lost", Kind: console.Integer, Help: "as writing failed"},
			{Name: "problem", Optional: true, Help: "why the store fails"},
			{Name: "full", Optional: true, Help: "why it takes nothing"},
			{Name: "unused", Optional: true, Help: "why records in it are not used"},
			{Name: "node", Optional: true, Help: "what this server is called in the fleet"},
			{Name: "commands", Kind: console.Integer, Optional: true,
				Help: "of the fleet, that hold"},
			{Name: "missing_commands", Optional: true,
				Help: "those that other servers have, and the store has not"},
			{Name: "unused_commands", Optional: true,
				Help: "why something that servers tell each other is not used"},
			{Name: "clock", Optional: true,
				Help: "why the others do not understand this server"},
			{Name: "unheard_commands", Optional: true,
				Help: "why commands are seen with the next look only, and not at once"}},
		Rows: []console.Field{{Name: "outcome"}, {Name: "of"},
			{Name: "count", Kind: console.Integer}},
	}, (*running).fleetState}}
}

func cacheOperations() []operation {
	return []operation{{console.Operation{Name: "flush", Changes: true,
		Short: "Forget the data of a name, and its zone's delegation, DS and keys",
		Long: "Forget the data of a name, and the delegation, DS and keys of its zone. With " +
			"subtree everything at and below the name is forgotten. With type, bogus or " +
			"negative only data of that kind are; bogus, negative and all need no name. The " +
			"delegation and keys of the root are never forgotten, as everything depends on " +
			"them.",
		Example: "ctl flush --subtree example.com",
		Suggest: []string{"purge", "clear", "drop", "forget", "wipe", "flushname", "flush_zone"},
		OneOf:   []string{"name", "all", "bogus", "negative"},
		Params: []console.Param{{Name: "name", Positional: true, Help: "a name"},
			{Name: "subtree", Kind: console.Boolean, Help: "and of everything below it"},
			{Name: "type", Help: "data and denials of this type only"},
			{Name: "bogus", Kind: console.Boolean,
				Help: "that data did not verify, and nothing else"},
			{Name: "negative", Kind: console.Boolean,
				Help: "that names or types do not exist, and nothing else"},
			{Name: "all", Kind: console.Boolean, Help: "everything"}},
		Fields: []console.Field{{Name: "flushed", Kind: console.Integer},
			{Name: "zone", Optional: true},
			{Name: "zone_flushed", Kind: console.Integer, Optional: true},
			{Name: "note", Optional: true}},
	}, (*running).flush}, {console.Operation{Name: "dump", Stream: true,
		Short: "Print what is in the cache, in the form of a zone file",
		Long: "Print the data, denials, delegations and failures that are in the cache, each " +
			"with the seconds that it has left. It is written as it is read: the server needs " +
			"little memory for it, and answers meanwhile. What changes meanwhile may be missing.",
		Suggest: []string{"dump_cache", "dumpdb", "cache"},
		Params: []console.Param{{Name: "name", Positional: true,
			Help: "only what is at and below this name"}},
	}, (*running).dump}, {console.Operation{Name: "inflight",
		Short: "Show the resolutions that are under way",
		Long: "Show the fetches that are under way, the oldest first: what is asked for, how " +
			"long ago it began, and how many clients and other fetches wait for it.",
		Suggest: []string{"dump_requestlist", "recursing", "requestlist"},
		Params: []console.Param{{Name: "limit", Kind: console.Integer,
			Help: "no more than so many; 100 without it"}},
		Fields: []console.Field{{Name: "under_way", Kind: console.Integer}},
		Rows: []console.Field{{Name: "name"}, {Name: "type"},
			{Name: "network", Help: "of the clients that it is for (RFC 7871)"}, {Name: "age"},
			{Name: "waiting", Kind: console.Integer},
			{Name: "refresh", Kind: console.Boolean, Help: "nobody waits: the cache is filled"},
			{Name: "sent", Kind: console.Integer, Help: "packets to servers"}},
	}, (*running).inFlight}}
}

func upstreamOperations() []operation {
	zone := console.Param{Name: "zone", Required: true, Positional: true, Help: "a zone's name"}
	return []operation{{console.Operation{Name: "servers",
		Short: "Show the servers asked so far: round trips, faults, back-off, abilities",
		Long: "Show the authoritative servers and forwarders asked so far: the round trip, how " +
			"long a reply is waited for, questions in a row without a reply, for how long the " +
			"server is backed off, whether it takes EDNS, cookies and random letter case, its " +
			"encrypted transports, and what is held against it for which zone.",
		Suggest: []string{"infra", "infrastructure", "dump_infra", "adb"},
		Params: []console.Param{{Name: "zone", Help: "only the servers of this zone"},
			{Name: "address", Help: "only the server at this address"},
			{Name: "limit", Kind: console.Integer,
				Help: "no more than so many; 100 without it"}},
		Fields: []console.Field{{Name: "known", Kind: console.Integer}},
		Rows: []console.Field{{Name: "address"}, {Name: "rtt"}, {Name: "wait"},
			{Name: "unanswered", Kind: console.Integer}, {Name: "backed_off"}, {Name: "edns"},
			{Name: "cookie"}, {Name: "case"}, {Name: "encrypted"}, {Name: "faults"}},
	}, (*running).servers}, {console.Operation{Name: "ecs",
		Short: "Show the zones that learn clients' networks, and what they do with them",
		Long: "Show what is known of the zones of resolver.ecs.zones, and of those below them: " +
			"whether their answers depend on the network, how long ago one did, for how long " +
			"the zone is asked without networks as its answers are for all, and which servers " +
			"return the network.",
		Suggest: []string{"subnet", "subnets", "edns_subnet"},
		Fields:  []console.Field{{Name: "note", Optional: true}},
		Rows: []console.Field{{Name: "zone"}, {Name: "answers"}, {Name: "last_tailored"},
			{Name: "without_networks_for"}, {Name: "servers"},
			{Name: "view", Help: "the views whose servers they are; - for all other clients"}},
	}, (*running).ecs}, {console.Operation{Name: "forwards list",
		Short: "Show the servers with their state, round trip and last failure",
		Rows: []console.Field{{Name: "zone"}, {Name: "kind"}, {Name: "server"},
			{Name: "transport"}, {Name: "weight"}, {Name: "state"}, {Name: "since"},
			{Name: "rtt"}, {Name: "last_failure"}, {Name: "probes", Kind: console.Integer},
			{Name: "view", Help: "the views that it is for; - for all other clients"}},
	}, (*running).forwards}, {console.Operation{Name: "forwards set", Changes: true,
		Short: "Give a forward zone these servers, until the next reload or restart",
		Long: "Give a forward zone these servers, as 192.0.2.1, 192.0.2.1:5353 or \"192.0.2.1 " +
			"weight 3\". A zone that is there keeps its transport and all else; a new one is " +
			"asked over UDP and TCP. The next reload or restart brings back what the " +
			"configuration says, unless the change is kept.",
		Example: "ctl forwards set corp.example 192.0.2.1 192.0.2.2 --persist",
		Suggest: []string{"add", "forward_add"},
		Params: []console.Param{zone, {Name: "servers", Kind: console.List, Required: true,
			Positional: true, Help: "their addresses"}, ofView, persist},
		Fields: lasting,
	}, (*running).setForward}, {console.Operation{Name: "forwards remove", Changes: true,
		Short:   "Resolve a forward zone as any other, until the next reload or restart",
		Suggest: []string{"delete", "forward_remove"},
		Params:  []console.Param{zone, ofView, persist},
		Fields:  lasting,
	}, (*running).setForward}, {console.Operation{Name: "zones",
		Short: "List the zones that a copy is kept of",
		Long: "List the zones that a copy is kept of (zones.local_root, zones.held): usable, " +
			"expired or without a copy, its serial and source, when it was confirmed, when it " +
			"is checked next, and what is wrong.",
		Suggest: []string{"auth_zones", "secondary", "zonestatus"},
		Fields:  []console.Field{{Name: "note", Optional: true}},
		Rows: []console.Field{{Name: "zone"}, {Name: "state"},
			{Name: "serial", Kind: console.Integer}, {Name: "source"}, {Name: "age"},
			{Name: "next_check"}, {Name: "expires_in"}, {Name: "zonemd"},
			{Name: "records", Kind: console.Integer}, {Name: "bytes", Kind: console.Integer},
			{Name: "catalog", Help: "is one, or the catalog that the zone is a member of"},
			{Name: "problem"}},
	}, (*running).listZones}, {console.Operation{Name: "zones refresh", Changes: true,
		Short:   "Check now whether there is a newer zone",
		Suggest: []string{"transfer", "retransfer", "reload"},
		Params: []console.Param{{Name: "name", Required: true, Positional: true,
			Help: "a zone's name"}},
		Fields: []console.Field{{Name: "checking"}},
	}, (*running).refreshZone}}
}

func trustOperations() []operation {
	zone := console.Param{Name: "zone", Required: true, Positional: true, Help: "a zone's name"}
	return []operation{{console.Operation{Name: "anchors list",
		Short: "Show the keys with their states, and when their zones are asked again",
		Long: "Show the keys of the zones with trust anchors. A key is pending (new, and not " +
			"trusted for the time that is left), valid, missing (trusted, and not in the zone at " +
			"the moment), revoked or removed; an anchor that is configured and has no key in the " +
			"zone so far is called configured.",
		Suggest: []string{"show", "status"},
		Fields:  []console.Field{{Name: "following", Optional: true}},
		Rows: []console.Field{{Name: "zone"}, {Name: "key", Kind: console.Integer},
			{Name: "state"}, {Name: "since"}, {Name: "left"}, {Name: "validated"},
			{Name: "next"}, {Name: "failures", Kind: console.Integer}, {Name: "failure"}},
	}, (*running).anchors}, {console.Operation{Name: "anchors refresh", Changes: true,
		Short:  "Ask the zones for their keys now",
		Fields: []console.Field{{Name: "refresh"}},
	}, (*running).refreshAnchors}, {console.Operation{Name: "anchors reset", Changes: true,
		Short: "Go back to the configured anchors of a zone",
		Long: "Go back to the configured anchors of a zone. They are trusted, even " +
			"if their keys were revoked; keys that were accepted since are not, before their " +
			"time has passed again.",
		Suggest: []string{"forget", "clear", "flush"},
		Params:  []console.Param{zone},
		Fields:  []console.Field{{Name: "zone"}, {Name: "trusted"}},
	}, (*running).resetAnchors}, {console.Operation{Name: "nta list",
		Short: "Show the negative trust anchors, and what the last checks found",
		Rows: []console.Field{{Name: "zone"}, {Name: "until"}, {Name: "left"}, {Name: "reason"},
			{Name: "owner"}, {Name: "added_by"}, {Name: "kept", Kind: console.Boolean},
			{Name: "checked"}},
	}, (*running).negativeAnchors}, {console.Operation{Name: "nta add", Changes: true,
		Short: "Add a negative trust anchor, or renew one",
		Long: "Switch validation off at and below a name, for an hour or as long as `for` says, " +
			"a week at most. The zone is checked every five minutes; when it validates again the " +
			"negative trust anchor is removed. It outlives reloads, and restarts if " +
			"state.directory is set.\n\nThe root and zones with a trust anchor of their own are " +
			"refused without force. With it the negative trust anchor holds to its end, " +
			"whatever the checks find.",
		Params: []console.Param{zone, {Name: "reason", Help: "why, for people"},
			{Name: "owner", Help: "who wants it"},
			{Name: "for", Help: "how long, for example 30m or 24h"},
			{Name: "until", Help: "when it ends, for example 2027-01-31T06:00:00Z"},
			{Name: "force", Kind: console.Boolean,
				Help: "also where it switches off a trust anchor; and keep it to its end"}},
		Fields: []console.Field{{Name: "zone"}, {Name: "until"},
			{Name: "not_saved", Optional: true}},
	}, (*running).addNegativeAnchor}, {console.Operation{Name: "nta remove", Changes: true,
		Short:   "Remove a negative trust anchor, and what it admitted",
		Suggest: []string{"delete", "clear", "del", "rm"},
		Params:  []console.Param{zone},
		Fields: []console.Field{{Name: "zone"}, {Name: "removed", Kind: console.Boolean},
			{Name: "not_saved", Optional: true}},
	}, (*running).removeNegativeAnchor}}
}

func failureOperations() []operation {
	name := console.Param{Name: "name", Required: true, Positional: true, Help: "a name"}
	watched := []console.Field{{Name: "watched", Kind: console.List}}
	return []operation{{console.Operation{Name: "failures list",
		Short: "List the last resolutions that failed",
		Long: "List the last resolutions that failed, the newest first, and of names that are " +
			"watched all resolutions. failures show prints the steps of one. Answers from the " +
			"cache are not recorded. failures.keep of them are kept, of each question the last.",
		Example: "ctl failures list bank.example",
		Suggest: []string{"all", "last", "recent"},
		Params: []console.Param{{Name: "name", Positional: true,
			Help: "only of names at and below this one"},
			{Name: "limit", Kind: console.Integer, Help: "no more than so many; 20 without it"}},
		Rows: []console.Field{{Name: "number", Kind: console.Integer}, {Name: "time"},
			{Name: "name"}, {Name: "type"},
			{Name: "client", Help: "that the question was resolved for"},
			{Name: "took"}, {Name: "cause", Help: "none: it did not fail, and is watched"},
			{Name: "again", Kind: console.Integer, Help: "earlier failures of the question"},
			{Name: "detail"}},
	}, (*running).listFailures}, {console.Operation{Name: "failures show",
		Short:   "Show the steps of a recorded resolution",
		Example: "ctl failures show 17",
		Params: []console.Param{{Name: "number", Kind: console.Integer, Required: true,
			Positional: true, Help: "of the recording, as failures list has it"}},
		Fields: []console.Field{{Name: "name"}, {Name: "type"}, {Name: "time"}, {Name: "client"},
			{Name: "took"}, {Name: "cause"}, {Name: "detail", Optional: true},
			{Name: "remedy", Optional: true}},
		Rows: []console.Field{{Name: "step",
			Help: "a line of the tree that a trace of the query is"}},
	}, (*running).showFailure}, {console.Operation{Name: "failures networks",
		Short: "List the client networks that most failures of validation hit",
		Long: "List the client networks (IPv4 /24, IPv6 /56) that most failures of validation " +
			"hit, the worst first: how many queries met data that fail validation, and about " +
			"how many answers were secure since the first of them.",
		Example: "ctl failures networks 50",
		Suggest: []string{"clients", "customers", "prefixes"},
		Params: []console.Param{{Name: "limit", Kind: console.Integer, Positional: true,
			Help: "no more than so many; 20 without it"}},
		Rows: []console.Field{{Name: "network"}, {Name: "failed", Kind: console.Integer},
			{Name: "passed", Kind: console.Integer}, {Name: "share",
				Help: "of both that failed"}},
	}, (*running).failingNetworks}, {console.Operation{Name: "failures watch", Changes: true,
		Short:  "Record all resolutions of a name and those below it, until the server ends",
		Params: []console.Param{name}, Fields: watched,
	}, (*running).watchFailures}, {console.Operation{Name: "failures unwatch", Changes: true,
		Short:  "End what failures watch began",
		Params: []console.Param{name}, Fields: watched,
	}, (*running).unwatchFailures}}
}

func incidentOperations() []operation {
	zone := console.Param{Name: "zone", Required: true, Positional: true, Help: "a zone's name"}
	return []operation{{console.Operation{Name: "incidents",
		Short: "List what is broken: zones and causes, since when, and whom it hits",
		Long: "List the incidents that are open, those with the most client networks first. " +
			"There is one for each zone at fault and cause, however many names fail below the " +
			"zone. It begins when incidents.queries queries have failed, and ends when its " +
			"question, which is asked again from time to time, has been answered for " +
			"incidents.settle. In the table for people, long questions and details are cut.",
		Example: "ctl incidents --all bank.example",
		Suggest: []string{"broken", "outages", "problems", "failures"},
		Params: []console.Param{{Name: "zone", Positional: true,
			Help: "only of zones at and below this name"},
			{Name: "all", Kind: console.Boolean, Help: "those that have ended, too"},
			{Name: "limit", Kind: console.Integer,
				Help: "no more than so many; all without it"},
			{Name: "fleet", Kind: console.Boolean,
				Help: "those that are open at any server of the fleet"}},
		Fields: []console.Field{{Name: "unheard", Kind: console.List, Optional: true,
			Help: "servers of the fleet whose incidents are not known now"}},
		Rows: []console.Field{{Name: "node", Optional: true,
			Help: "the server of the fleet that has it"},
			{Name: "zone", Help: "at fault, the highest that is"},
			{Name: "cause"},
			{Name: "state", Help: "open, or how it ended: mended, replaced by one with another " +
				"cause, excepted from validation, or forsaken: nobody has asked for a day"},
			{Name: "first", Help: "when the first query failed"},
			{Name: "last", Help: "when the last one did"},
			{Name: "good", Help: "when names could be resolved again"},
			{Name: "recovery", Help: "from first to good"},
			{Name: "queries", Kind: console.Integer, Help: "that failed"},
			{Name: "client_networks", Kind: console.Integer,
				Help: "that these came from (/24, /56), about"},
			{Name: "maintenance", Kind: console.Boolean, Help: "it is in a maintenance window"},
			{Name: "question", Help: "that failed, and is asked again", Short: true},
			{Name: "detail", Short: true}, {Name: "remedy"}},
	}, (*running).listIncidents}, {console.Operation{Name: "signatures",
		Short: "List the zones whose signatures end soon",
		Long: "List the zones of which a signature in the last quarter of its life was seen in " +
			"the last day, those that end first coming first: a signer that works has renewed " +
			"them before. Zones with less than two days are warned of in the log.",
		Suggest: []string{"expiry", "expiring", "rrsig"},
		Params: []console.Param{{Name: "limit", Kind: console.Integer,
			Help: "no more than so many; 20 without it"}},
		Fields: []console.Field{{Name: "zones", Kind: console.Integer}},
		Rows: []console.Field{{Name: "zone"}, {Name: "expires"}, {Name: "left"},
			{Name: "soon", Kind: console.Boolean, Help: "less than two days"},
			{Name: "set", Help: "whose signature it is"}, {Name: "key", Kind: console.Integer},
			{Name: "seen", Help: "when it was validated last"}},
	}, (*running).listSignatures}, {console.Operation{Name: "maintenance list",
		Short:   "List the maintenance windows that are not over",
		Suggest: []string{"show", "windows"},
		Rows: []console.Field{{Name: "zone"}, {Name: "from"}, {Name: "to"},
			{Name: "open", Kind: console.Boolean, Help: "it is now"}, {Name: "owner"},
			{Name: "reason"}, {Name: "added_by"}},
	}, (*running).listMaintenance}, {console.Operation{Name: "maintenance add", Changes: true,
		Short: "Expect a zone and those below it to fail for a while",
		Long: "Expect a zone and those below it to fail from one time to another: their " +
			"incidents are recorded as all others, but are not among those that raise an alarm. " +
			"It outlives a restart if there is a state.directory.",
		Example: "ctl maintenance add bank.example --for 2h --owner dns-team",
		Suggest: []string{"set", "new"},
		Params: []console.Param{zone, {Name: "from", Help: "when it begins; now without it"},
			{Name: "to", Help: "when it ends, for example 2027-01-31T06:00:00Z"},
			{Name: "for", Help: "how long it lasts, for example 2h"},
			{Name: "owner", Help: "who works on the zone"},
			{Name: "reason", Help: "why, for people"}},
		Fields: []console.Field{{Name: "zone"}, {Name: "from"}, {Name: "to"},
			{Name: "not_saved", Optional: true}},
	}, (*running).addMaintenance}, {console.Operation{Name: "maintenance remove", Changes: true,
		Short:   "Remove the maintenance windows of a zone",
		Suggest: []string{"delete", "clear", "del", "rm"},
		Params:  []console.Param{zone},
		Fields: []console.Field{{Name: "zone"}, {Name: "removed", Kind: console.Boolean},
			{Name: "not_saved", Optional: true}},
	}, (*running).removeMaintenance}}
}

func policyOperations() []operation {
	return []operation{{console.Operation{Name: "policy",
		Short: "List local zones and block lists, or test what they say of a name",
		Long: "List the local zones and block lists that are in use (policy.local_zones, " +
			"policy.local_records, policy.hosts_files, policy.block_lists), and how many names " +
			"each has. After a change of a file, policy reload puts it in use.",
		Suggest: []string{"local", "blocklists", "local_zones", "rpz"},
		Fields:  []console.Field{{Name: "note", Optional: true}},
		Rows: []console.Field{{Name: "kind"}, {Name: "name"}, {Name: "type"},
			{Name: "names", Kind: console.Integer, Optional: true}, {Name: "view"}},
	}, (*running).policyLists}, {console.Operation{Name: "policy test",
		Short: "Tell what policy says to a question, or that it is resolved as any other",
		Long: "Tell what local data, special names, policy zones and compiled-in steps say to a " +
			"question, or how it is resolved: by forwarders, by configured servers or by " +
			"iteration, for all clients or for those of some views. With a client's address, " +
			"what they say to that client by its view, and whether it may ask at each listener; " +
			"with a key, by the view of who signs with it. " +
			"What steps say of an answer is not told.",
		Example: "ctl policy test www.corp.example AAAA 192.0.2.7",
		Params: []console.Param{{Name: "name", Required: true, Positional: true, Help: "a name"},
			{Name: "type", Positional: true, Help: "a type; A without it"},
			{Name: "client", Positional: true,
				Help: "the address of a client; may stand in place of the type"},
			{Name: "listener", Help: "where it asks, such as 192.0.2.1:53; the first without it"},
			{Name: "key", Help: "the name of a key of views (tsig_keys) that it signs with"}},
		Fields: []console.Field{{Name: "outcome"}, {Name: "source", Optional: true},
			{Name: "logged_for", Optional: true}, {Name: "list", Optional: true},
			{Name: "cause", Optional: true}, {Name: "zone", Optional: true},
			{Name: "alias_of", Optional: true}, {Name: "rule", Optional: true},
			{Name: "trigger", Optional: true}, {Name: "access", Optional: true},
			{Name: "view", Optional: true}, {Name: "listener", Optional: true},
			{Name: "resolved_by", Optional: true,
				Help: "iteration, or the forward or stub zone that the name is in"},
			{Name: "resolved_for", Optional: true,
				Help: "all clients, or the views whose clients alone get this answer"},
			{Name: "network", Optional: true,
				Help: "what of the client's address the zone's servers learn (RFC 7871)"}},
		Rows: []console.Field{{Name: "listener"}, {Name: "access"}},
	}, (*running).policyTest}, {console.Operation{Name: "policy reload", Changes: true,
		Short: "Read the files of the configuration in use again: lists, zones, certificates",
		Long: "Read the files that the configuration in use names again, such as block lists and " +
			"hosts files, and use all of them or none. The configuration itself is not read: " +
			"changes that were made at run time stay.",
		Suggest: []string{"refresh", "update"},
		Fields:  changed,
	}, (*running).policyReload}, {console.Operation{Name: "lists",
		Short: "List the block lists that are fetched",
		Long: "List the block lists that are fetched (url of policy.block_lists): how many names " +
			"each has, when its server has given or confirmed it, when it is asked again, and " +
			"what is wrong. One that cannot be renewed stays in use as it was.",
		Suggest: []string{"blocklist_status", "gravity", "filters"},
		Fields:  []console.Field{{Name: "note", Optional: true}},
		Rows: []console.Field{{Name: "list"}, {Name: "state"},
			{Name: "names", Kind: console.Integer}, {Name: "octets", Kind: console.Integer},
			{Name: "age"}, {Name: "next_fetch"}, {Name: "problem"}},
	}, (*running).listFetched}, {console.Operation{Name: "lists refresh", Changes: true,
		Short: "Fetch block lists now: all of them, or one",
		Long: "Fetch block lists now: all that have a URL, or the one that is named. What comes " +
			"is used if it is a list. With force it is used even if it has less than a tenth of " +
			"the names that there were.",
		Suggest: []string{"update", "reload", "fetch"},
		Params: []console.Param{{Name: "list", Positional: true,
			Help: "its URL, or as lists shows it; all without it"},
			{Name: "force", Kind: console.Boolean, Help: "however few names it has"}},
		Fields: []console.Field{{Name: "fetching", Kind: console.Integer}},
	}, (*running).refreshLists}, {console.Operation{Name: "views",
		Short: "List the views, whom they are for, and how often they were asked",
		Long: "List the views (views): other policies for some of the clients. Views of one " +
			"class share prepared answers. `policy test` with a client's address tells what one " +
			"of them answers.",
		Suggest: []string{"view", "tags"},
		Fields:  []console.Field{{Name: "note", Optional: true}},
		Rows: []console.Field{{Name: "view"}, {Name: "clients"}, {Name: "listeners"},
			{Name: "keys", Help: "that clients may sign with"},
			{Name: "class", Kind: console.Integer}, {Name: "queries", Kind: console.Integer},
			{Name: "resolves", Help: "as all others, or by zones or exceptions of its own"}},
	}, (*running).listViews}}
}

func settingOperations() []operation {
	what := []console.Field{{Name: "log_level"}, {Name: "forwards", Kind: console.Map,
		Help: "the servers of the forward zones that are given by address"},
		{Name: "view_forwards", Kind: console.Map,
			Help: "the same of the forward zones of views, by VIEW/ZONE"}}
	return []operation{{console.Operation{Name: "config",
		Short: "Show the configuration in use, and where each value is from",
		Long: "Show the configuration in use: what the files give and, with all, the defaults of " +
			"all other keys. A secret stands as a hash of it and of the salt.",
		Suggest: []string{"configuration", "dump-config", "get_option"},
		Params:  []console.Param{{Name: "all", Kind: console.Boolean, Help: "defaults, too"}},
		Fields: []console.Field{{Name: "file"}, {Name: "salt",
			Help: "of the hashes of secrets (HMAC-SHA256), in hexadecimal"}},
		Rows: []console.Field{{Name: "key"}, {Name: "value", Help: "in YAML's flow style"},
			{Name: "given", Kind: console.Boolean, Help: "by a file; else it is the default"},
			{Name: "from", Help: "the file with the line"},
			{Name: "restart", Kind: console.Boolean,
				Help: "another value holds from the next start on"}},
	}, (*running).configValues}, {console.Operation{Name: "settings", Tagged: true,
		Short:   "Show what can change at run time, as a whole",
		Suggest: []string{"get"},
		Fields:  what,
	}, (*running).settings}, {console.Operation{Name: "settings set", Changes: true,
		Replaces: "settings",
		Short:    "Replace what can change at run time, as a whole",
		Long: "Replace what can change at run time, in one step or not at all. Forward zones " +
			"that are not named are removed; without forwards, view_forwards or log_level, " +
			"these stay as they are.",
		Params: []console.Param{{Name: "log_level", Help: "least severity that is logged",
			Choices: logLevels}, {Name: "forwards", Kind: console.Map,
			Help: "lists of servers by zone, for example {\"corp.\": [\"192.0.2.1\"]}"},
			{Name: "view_forwards", Kind: console.Map, Help: "the same by view and zone, for " +
				"example {\"kids/corp.\": [\"192.0.2.1\"]}"}, persist},
		Fields: lasting,
	}, (*running).setSettings}, {console.Operation{Name: "log level",
		Short:  "Show the least severity that is logged",
		Fields: []console.Field{{Name: "level"}},
	}, (*running).logLevel}, {console.Operation{Name: "log level set", Changes: true,
		Short:   "Change the least severity that is logged, until the next reload or restart",
		Example: "ctl log level set debug",
		Params: []console.Param{{Name: "level", Required: true, Positional: true,
			Choices: logLevels, Help: "debug, info, warn or error"}, persist},
		Fields: lasting,
	}, (*running).setLogLevel}, {console.Operation{Name: "changes list",
		Short: "Show the changes that outlive a restart",
		Rows:  []console.Field{{Name: "what"}, {Name: "value"}},
	}, (*running).listKept}, {console.Operation{Name: "changes forget", Changes: true,
		Short: "Forget changes that outlive a restart",
		Long: "Forget changes that outlive a restart: one, as changes list names it, or all. " +
			"What holds now goes on until the next reload or restart.",
		Suggest: []string{"remove", "delete", "clear"},
		Params: []console.Param{{Name: "what", Positional: true,
			Help: "the change, for example log.level; all without it"}},
		Fields: []console.Field{{Name: "forgotten", Kind: console.Integer}, {Name: "until"}},
	}, (*running).forgetKept}}
}

// logLevels are the severities.
var logLevels = []string{"debug", "info", "warn", "error"}

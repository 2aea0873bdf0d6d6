// The servers of a fleet and the memory that they share: what the operator sees of them.

package main

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/console"
	"bailiwick/internal/fleet"
	"bailiwick/internal/fleet/commands"
	"bailiwick/internal/snapshot"
	"bailiwick/transport"
	"bailiwick/wire"
)

// fleetState tells how it is with the memory that the fleet shares.
func (r *running) fleetState(console.Request) (console.Result, error) {
	s, n := r.fleet.Status(), r.metrics.Fleet
	f := map[string]any{"store": s.Store, "secrets": s.Accepted, "waiting": s.Queued,
		"written": n.Written.Load(), "dropped": n.Dropped.Load(),
		"lost": n.Lost.Load()}
	switch {
	case s.Store == "":
		f["state"] = "off"
	case s.Resting > 0:
		f["state"] = "not asked for " + s.Resting.Round(time.Second).String()
	default:
		f["state"] = "in use"
	}
	for name, problem := range map[string]string{"problem": s.Problem, "full": s.Full,
		"unused": s.Foreign} {
		if problem != "" {
			f[name] = problem
		}
	}
	if c := r.commands.Status(); c.On {
		f["node"], f["commands"] = c.Node, c.Holding
		for name, problem := range map[string]string{"missing_commands": c.Missing,
			"unused_commands": c.Unused, "unheard_commands": c.Deaf,
			"clock": c.Skewed} {
			if problem != "" {
				f[name] = problem
			}
		}
	}
	res := console.Result{Fields: f, Columns: []string{"outcome", "of", "count"}, Rows: [][]any{}}
	for _, o := range fleet.Outcomes() {
		of := "questions"
		if o.OfRecord() {
			of = "records"
		}
		res.Rows = append(res.Rows, []any{o.Label(), of, r.fleet.Counts().Of(o)})
	}
	return res, nil
}

// fleetOperations are those about the servers of a fleet and what they were told.
func fleetOperations() []operation {
	return []operation{{console.Operation{Name: "fleet nodes",
		Short: "List the servers of the fleet, and what differs among them",
		Long: "List the servers of the fleet: when they were heard of, their program, from how " +
			"many others they lack commands, and what decides answers otherwise there: sections " +
			"of the configuration, serials of zones, lists, local records, negative trust anchors.",
		Suggest: []string{"servers", "members", "peers"},
		Fields:  []console.Field{{Name: "note", Optional: true}},
		Rows: []console.Field{{Name: "node"}, {Name: "id"},
			{Name: "state", Help: "here, heard or silent"}, {Name: "heard"}, {Name: "version"},
			{Name: "behind", Kind: console.Integer,
				Help: "how many servers have commands that it has not applied"},
			{Name: "differs", Kind: console.List,
				Help: "what is otherwise there: its version, and the one here"}},
	}, (*running).fleetNodes}, {console.Operation{Name: "fleet audit",
		Short: "List the commands that the fleet was given: who, what, when, and who has done it",
		Long: "List the commands that were given to any server for the whole fleet (--fleet), " +
			"the last first: more than those that hold.",
		Suggest: []string{"log", "history", "commands"},
		Params: []console.Param{{Name: "limit", Kind: console.Integer,
			Help: "no more than so many; 20 without it"}},
		Fields: []console.Field{{Name: "note", Optional: true}},
		Rows: []console.Field{{Name: "number", Kind: console.Integer}, {Name: "time"},
			{Name: "operation"}, {Name: "arguments"}, {Name: "by"},
			{Name: "node", Help: "that it was given to"}, {Name: "applied", Kind: console.List},
			{Name: "missing", Kind: console.List,
				Help: "servers that were heard of in the last day, and have not told that they " +
					"did"},
			{Name: "refused", Kind: console.List}},
	}, (*running).fleetAudit}}
}

// noFleet is the note of a server that takes part in no commands.
const noFleet = "fleet.commands is off"

// fleetNodes lists the servers of the fleet.
func (r *running) fleetNodes(console.Request) (console.Result, error) {
	res := console.Result{Columns: []string{"node", "id", "state", "heard", "version", "behind",
		"differs"}, Rows: [][]any{}}
	list := r.commands.Ask()
	if len(list) == 0 {
		res.Fields = map[string]any{"note": noFleet}
	}
	for i := range list {
		n := &list[i]
		kind := "heard"
		switch {
		case n.Here:
			kind = "here"
		case n.Silent:
			kind = "silent"
		}
		differs := []string{}
		for _, d := range n.Differs {
			differs = append(differs, fmt.Sprintf("%s (%s, here %s)", d.What,
				cmp.Or(d.There, "none"), cmp.Or(d.Here, "none")))
		}
		if n.Unknown && !n.Same {
			differs = append(differs, "unknown")
		}
		res.Rows = append(res.Rows, []any{n.Name, n.ID, kind, timeText(n.Heard), n.Build, n.Behind,
			differs})
	}
	return res, nil
}

// fleetAudit lists the commands of the fleet.
func (r *running) fleetAudit(q console.Request) (console.Result, error) {
	limit, err := limitOf(q, usualShown, maxListed)
	if err != nil {
		return console.Result{}, err
	}
	res := console.Result{Columns: []string{"number", "time", "operation", "arguments", "by",
		"node", "applied", "missing", "refused"}, Rows: [][]any{}}
	list, nodes := r.commands.Audit(), r.commands.Nodes()
	if nodes == nil {
		res.Fields = map[string]any{"note": noFleet}
	}
	for _, e := range list[:min(limit, len(list))] {
		missing := []string{}
		for i := range nodes {
			if name := nodes[i].Name; !slices.Contains(e.Applied, name) && e.Refused[name] == "" {
				missing = append(missing, name)
			}
		}
		res.Rows = append(res.Rows, []any{e.Seq, timeText(e.Made()), e.Op, e.Args, e.By, e.Node,
			e.Applied, missing, append([]string{}, refusals(e.Refused)...)})
	}
	return res, nil
}

// fleetIncidents lists the incidents that are open anywhere in the fleet.
func (r *running) fleetIncidents(top wire.Name, limit int) (console.Result, error) {
	res := console.Result{Columns: []string{"node", "zone", "cause", "state", "first", "last",
		"good", "recovery", "queries", "client_networks", "maintenance", "question", "detail",
		"remedy"}, Rows: [][]any{}}
	list := r.commands.Ask()
	if len(list) == 0 {
		return res, errors.New(noFleet)
	}
	unheard := []string{}
	for i := range list {
		if n := &list[i]; n.Unknown {
			unheard = append(unheard, n.Name)
		}
		for _, d := range list[i].Incidents {
			zone, err := wire.ParseName(d.Zone)
			if err != nil || !zone.Within(top) || len(res.Rows) >= limit {
				continue
			}
			remedy := ""
			if c, ok := cause.Parse(d.Cause); ok {
				remedy = c.Hint()
			}
			res.Rows = append(res.Rows, []any{list[i].Name, d.Zone, d.Cause, "open",
				timeText(d.First), timeText(d.Last), "-", "-", d.Queries, d.Clients,
				d.Maintenance, d.Question, d.Detail, remedy})
		}
	}
	if len(unheard) > 0 {
		res.Fields = map[string]any{"unheard": unheard}
	}
	return res, nil
}

// openIncidents are those that other servers of the fleet are told, those of most clients first.
func (s *stack) openIncidents() (list []commands.Incident) {
	for _, i := range s.incidents.List(wire.Root, false) {
		list = append(list, commands.Incident{Zone: i.Zone, Cause: i.Cause.Label(), First: i.First,
			Last: i.Last, Queries: uint64(i.Queries), Clients: uint64(i.Clients),
			Maintenance: i.Maintenance, Question: i.Name + " " + i.Type.String(),
			Detail: i.Detail})
	}
	return list
}

// deciding are the sections of the configuration that decide what clients are answered. In the
// others servers of a fleet differ, as they have other addresses, files and loads.
var deciding = []string{"cache", "policy", "resolver", "server", "stale", "trust_anchors",
	"validator", "views", "zones"}

// versions are those of what decides answers here.
func (s *stack) versions() map[string]string {
	now, v := s.now(), map[string]string{"program": version}
	for _, section := range deciding {
		v["configuration "+section] = now.Config.SectionDigest(section)
	}
	for _, z := range s.keeper.Status() {
		v["zone "+z.Zone.String()] = fmt.Sprint("serial ", z.Serial)
	}
	for _, l := range s.lists.Status() {
		v["list "+l.List] = fmt.Sprint(l.Names, " names, ", l.Octets, " octets")
	}
	v["local records"] = fmt.Sprint(now.Records)
	v["blocked names"] = fmt.Sprint(now.Blocked)
	zones := []string{}
	for _, t := range s.negatives.List() {
		zones = append(zones, t.Zone.String())
	}
	if text := strings.Join(zones, " "); len(text) <= 512 {
		v["negative trust anchors"] = text
	} else {
		v["negative trust anchors"] = fmt.Sprintf("%d, %x", len(zones), sha256.Sum256([]byte(text)))
	}
	return v
}

// renewInFleet has clients of all servers of the fleet get other cookies and session tickets.
func (r *running) renewInFleet(q console.Request) (console.Result, error) {
	receipt, err := r.commands.RenewSecrets(q.Caller)
	if err != nil {
		return console.Result{}, err
	}
	f := map[string]any{"cookies": "made with a new secret within seconds, and session tickets too",
		"former": "accepted until the third after them"}
	r.receipt(f, receipt)
	return console.Result{Fields: f}, nil
}

// useShared has cookies and session tickets be made with a secret that the fleet shares, unless the
// configuration has others.
func (r *running) useShared(first []byte, others [][]byte) {
	derived := func(use string, most int) (one []byte, more [][]byte) {
		key := func(secret []byte) []byte {
			h := hmac.New(sha256.New, secret)
			h.Write([]byte(use))
			return h.Sum(nil)[:most]
		}
		for _, o := range others {
			more = append(more, key(o))
		}
		return key(first), more
	}
	cookies, more := derived("bailiwick fleet cookies", 16)
	r.server.SetOwnSecret(cookies, more...)
	tickets, more := derived("bailiwick fleet tickets", sha256.Size)
	r.reloading.Lock()
	r.fleetTickets = append([][]byte{tickets}, more...)
	if r.tls != nil {
		r.tls.SetTickets(r.ticketsOf(r.now().Snapshot), time.Now())
	}
	r.reloading.Unlock()
	r.succeedItself()
	r.log.Info("cookies and session tickets are made with another secret of the fleet", "accepted",
		1+len(others))
}

// ticketsOf returns the session tickets of a snapshot, by the secrets of the fleet if there are any
// and it has none of its own. The caller holds reloading.
func (r *running) ticketsOf(p *snapshot.Snapshot) *transport.Tickets {
	if r.fleetTickets == nil {
		return p.Tickets
	}
	return p.Tickets.Following(r.fleetTickets[0], r.fleetTickets[1:]...)
}

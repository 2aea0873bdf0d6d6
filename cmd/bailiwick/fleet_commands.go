// Operations that are for all servers of a fleet.

package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/console"
	"bailiwick/internal/fleet/commands"
	"bailiwick/internal/guard"
	"bailiwick/internal/incident"
	"bailiwick/internal/state"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// newCommands returns this server's part in the commands of a fleet, with what an earlier process
// has saved.
func (s *stack) newCommands() *commands.Member {
	s.applyCommand = func(commands.Command, string) error { return console.ErrStopping }
	s.shareSecrets = func([]byte, [][]byte) {}
	return commands.New(commands.Parts{Clock: s.clock, Log: s.log, Guard: s.guard, Store: s.fleet,
		Build:    version,
		Apply:    func(c commands.Command, node string) error { return s.applyCommand(c, node) },
		Share:    func(first []byte, others [][]byte) { s.shareSecrets(first, others) },
		Versions: s.versions, Incidents: s.openIncidents,
		Load: s.state.Loading(state.Fleet), Save: s.state.Saving(state.Fleet),
	})
}

// joinFleet has this server take part in the commands of the fleet by the configuration that
// is in use when nothing else changes that. The caller may hold reloading, which commands wait for
// that are being applied.
func (r *running) joinFleet() {
	r.retiring.Go(func() {
		r.guard.Run(guard.Upkeep, func() {
			r.commands.Use(func() (bool, string) {
				f := &r.now().Fleet
				return f.Store != "" && f.Commands && r.ctx.Err() == nil && !r.handing.Load(),
					f.Node
			})
		})
	})
}

// forFleet makes the command of a request that all servers are to do: it holds until the same time
// everywhere, whenever it arrives. Operations that are not in it are done here alone.
var forFleet = map[string]func(*running, *console.Request) (commands.Command, error){
	"nta add":            (*running).commandOfNTA,
	"nta remove":         (*running).commandOfNTARemoval,
	"maintenance add":    (*running).commandOfMaintenance,
	"maintenance remove": (*running).commandOfMaintenanceRemoval,
	"flush":              (*running).commandOfFlush,
	"cookies renew":      nil, // it is a secret that is told, see renewInFleet
}

// inFleet adds what operations for a whole fleet take and tell.
func inFleet(list []operation) []operation {
	for i := range list {
		o := &list[i].Operation
		if _, ok := forFleet[o.Name]; !ok {
			continue
		}
		o.Params = append(slices.Clone(o.Params), console.Param{Name: "fleet",
			Kind: console.Boolean, Help: "at all servers of the fleet"})
		o.Fields = append(slices.Clone(o.Fields),
			console.Field{Name: "fleet_number", Kind: console.Integer, Optional: true,
				Help: "of the command, as fleet audit has it"},
			console.Field{Name: "fleet_applied", Kind: console.List, Optional: true,
				Help: "servers of the fleet that have done it"},
			console.Field{Name: "fleet_waiting", Kind: console.List, Optional: true,
				Help: "those that have not done it within seconds"},
			console.Field{Name: "fleet_silent", Kind: console.List, Optional: true,
				Help: "those that get it when they are back"},
			console.Field{Name: "fleet_refused", Kind: console.List, Optional: true,
				Help: "those that have refused it, with the reason"},
			console.Field{Name: "fleet_problem", Optional: true,
				Help: "why it may not reach the others now"})
	}
	return list
}

// perform runs an operation, here or in the whole fleet.
func (r *running) perform(o *operation, q console.Request) (res console.Result, err error) {
	command := forFleet[o.Name]
	if command == nil {
		return o.run(r, q)
	}
	whole := q.Args["fleet"] == "true"
	q.Args = maps.Clone(q.Args)
	delete(q.Args, "fleet")
	if !whole {
		return o.run(r, q)
	}
	c, err := command(r, &q)
	if err != nil {
		return res, err
	}
	c.Op, c.Args, c.By = o.Name, q.Args, q.Caller
	receipt, err := r.commands.Issue(c, func() error {
		res, err = o.run(r, q)
		if isAbsent(err) { // others may have it
			res, err = console.Result{Fields: map[string]any{"zone": q.Args["zone"],
				"removed": false}}, nil
		}
		return err
	})
	if err != nil {
		return console.Result{}, err
	}
	r.receipt(res.Fields, receipt)
	return res, nil
}

// isAbsent reports whether an error is that there is nothing to remove.
func isAbsent(err error) bool {
	return errors.Is(err, trustanchor.ErrNoNegative) || errors.Is(err, incident.ErrNoWindow)
}

// receipt has the fields of a result tell who has done a command.
func (r *running) receipt(f map[string]any, rc commands.Receipt) {
	f["fleet_number"], f["fleet_applied"] = rc.Seq, rc.Applied
	if rc.Waiting != nil {
		f["fleet_waiting"] = rc.Waiting
	}
	if rc.Silent != nil {
		f["fleet_silent"] = rc.Silent
	}
	if len(rc.Refused) > 0 {
		f["fleet_refused"] = refusals(rc.Refused)
	}
	if rc.Unsaved != nil {
		f["not_saved"] = rc.Unsaved.Error()
	}
	switch s := r.fleet.Status(); {
	case s.Resting > 0:
		f["fleet_problem"] = "the store is not asked now, as it has failed: " + s.Problem
	case s.Full != "":
		f["fleet_problem"] = s.Full
	}
}

// refusals are lines of who has refused a command, and why.
func refusals(why map[string]string) (lines []string) {
	for _, node := range slices.Sorted(maps.Keys(why)) {
		lines = append(lines, node+": "+why[node])
	}
	return lines
}

// doForFleet does what a server of the fleet has been asked to do for all.
func (r *running) doForFleet(c commands.Command, node string) error {
	if forFleet[c.Op] == nil || c.Args["fleet"] != "" {
		return fmt.Errorf("this server (%s) does not know %q of a fleet", version, c.Op)
	}
	_, err := r.desk.Do(console.Request{Command: c.Op, Args: c.Args, Caller: c.By,
		From: "node " + node + " of the fleet"})
	if isAbsent(err) {
		return nil
	}
	return err
}

// commandOfNTA is that of nta add.
func (r *running) commandOfNTA(q *console.Request) (c commands.Command, err error) {
	zone, err := trustanchor.ParseZone(q.Args["zone"])
	if err != nil {
		return c, err
	}
	lifetime, err := r.negativeLifetime(*q)
	if err != nil {
		return c, err
	}
	ends := clock.Wall(r.clock).Add(lifetime).UTC().Truncate(time.Second)
	delete(q.Args, "for")
	q.Args["zone"], q.Args["until"] = zone.String(), ends.Format(time.RFC3339)
	return commands.Command{Key: "nta " + zone.String(), Clears: true, Until: ends.Unix()}, nil
}

// commandOfNTARemoval is that of nta remove. It holds for as long as any that was added before.
func (r *running) commandOfNTARemoval(q *console.Request) (c commands.Command, err error) {
	zone, err := trustanchor.ParseZone(q.Args["zone"])
	if err != nil {
		return c, err
	}
	q.Args["zone"] = zone.String()
	return commands.Command{Key: "nta " + zone.String(), Clears: true,
		Until: clock.Wall(r.clock).Add(trustanchor.MaxLifetime).Unix()}, nil
}

// commandOfMaintenance is that of maintenance add. A zone may have several windows, so that one
// does not take the place of another.
func (r *running) commandOfMaintenance(q *console.Request) (c commands.Command, err error) {
	w, err := r.windowOf(*q)
	if err != nil {
		return c, err
	}
	delete(q.Args, "for")
	q.Args["zone"], q.Args["from"], q.Args["to"] = w.Zone, timeText(w.From), timeText(w.To)
	return commands.Command{Key: "maintenance " + w.Zone, Until: w.To.Unix()}, nil
}

// commandOfMaintenanceRemoval is that of maintenance remove.
func (r *running) commandOfMaintenanceRemoval(q *console.Request) (c commands.Command, err error) {
	zone, err := wire.ParseName(q.Args["zone"])
	if err != nil {
		return c, err
	}
	q.Args["zone"] = zone.String()
	return commands.Command{Key: "maintenance " + zone.String(), Clears: true,
		Until: clock.Wall(r.clock).Add(commands.MaxLife).Unix()}, nil
}

// flushHolds is for how long a flush reaches servers that are away: after that they have nothing
// from before it in their caches.
const flushHolds = 24 * time.Hour

// commandOfFlush is that of flush.
func (r *running) commandOfFlush(*console.Request) (commands.Command, error) {
	return commands.Command{Until: clock.Wall(r.clock).Add(flushHolds).Unix()}, nil
}

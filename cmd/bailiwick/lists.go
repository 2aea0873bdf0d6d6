// Block lists that are fetched: what their keeper needs of the resolver, how a new text is put to
// use, and the commands of the control socket.

package main

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"bailiwick/internal/aside"
	"bailiwick/internal/console"
	"bailiwick/internal/localdata"
	"bailiwick/internal/web"
	"bailiwick/internal/weblist"
	"bailiwick/wire"
)

// webClient returns the client that lists are fetched with. It looks names up with the resolver
// that is in use, which local data and lists have no say in: no list can block its own source.
func (s *stack) webClient() *http.Client { return web.Client(web.Parts{Lookup: s.lookUp}) }

// newLists returns the keeper of the lists of a server.
func (s *stack) newLists(client *http.Client) *weblist.Keeper {
	return weblist.New(weblist.Parts{Clock: s.clock, Log: s.log, Guard: s.guard, Rest: s.rest,
		State: s.state, Web: client, Count: countNames, Changed: func() { s.listsChanged() }})
}

// countNames counts what is in the text of a list.
func countNames(from io.Reader) (weblist.Content, error) {
	c, err := localdata.Read(from, func(wire.Name) error { return nil })
	return weblist.Content{Names: c.Names, Junk: c.Junk, Top: c.Top}, err
}

// takeLists has the queries to come go by the lists as their texts are now. The tables are built
// aside. Prepared answers are judged again when they are asked for: the generation is another one.
func (r *running) takeLists() {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	if r.ended {
		return
	}
	next := *r.now()
	p, configured := *next.Snapshot, *next.configured
	aside.InPieces(func() { p.TakeLists(r.lists.Text) })
	configured.Local, configured.Policies, configured.Blocked = p.Local, p.Policies, p.Blocked
	next.Snapshot, next.configured = &p, &configured
	next.generation++
	r.install(&next)
	r.log.Info("block lists in force", "names", p.Blocked)
}

// listFetched tells how it is with the lists that are fetched.
func (r *running) listFetched(console.Request) (console.Result, error) {
	out := console.Result{Columns: []string{"list", "state", "names", "octets", "age",
		"next_fetch", "problem"}, Rows: [][]any{}}
	seconds := func(d time.Duration) string { return d.Round(time.Second).String() }
	for _, s := range r.lists.Status() {
		state, age, next := "no text", "-", seconds(s.Next)
		if s.Has {
			state, age = "in use", seconds(s.Age)
		}
		if s.Fetching {
			next = "now"
		}
		out.Rows = append(out.Rows, []any{s.List, state, s.Names, s.Octets, age, next,
			orNone(s.Problem)})
	}
	if len(out.Rows) == 0 {
		return console.Result{Fields: map[string]any{
			"note": "no list is fetched: see url of policy.block_lists"}}, nil
	}
	return out, nil
}

// refreshLists has lists fetched now.
func (r *running) refreshLists(q console.Request) (console.Result, error) {
	n := r.lists.Refresh(q.Args["list"], q.Args["force"] == "true")
	if n == 0 {
		return console.Result{}, fmt.Errorf("no such list is fetched: see lists")
	}
	r.log.Info("block lists are fetched", "lists", n, "by", q.Caller)
	return console.Result{Fields: map[string]any{"fetching": n}}, nil
}

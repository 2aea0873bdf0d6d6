// Views: the policies for some of the clients.

package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"bailiwick/internal/console"
	"bailiwick/internal/policy"
	"bailiwick/internal/tsig"
	"bailiwick/server"
	"bailiwick/wire"
)

// viewsOf returns the view of all clients without one, and then those of the configuration.
func (r *running) viewsOf(s *inUse) (views []*policy.View) {
	var own []netip.Addr
	for _, l := range s.listeners {
		if a := l.spec.Addr.Addr(); !a.IsUnspecified() {
			own = append(own, a.WithZone(""))
		}
	}
	zones, translators := r.policyZones(s.Policy), s.Config.Translators()
	for i, p := range s.Policies {
		v := &policy.View{Name: p.Name, Class: s.class + uint16(p.Class),
			Generation: s.generation, Private: p.Private, Zones: zones,
			Local: r.ownData(s, p.Local), Special: &s.Policies[i].Special, Realm: p.Realm,
			NoNetworks: !p.SendsNetworks,
			Rates:      policy.NewRates(p.Limits, own...)}
		v.Private.Translators = translators
		if i > 0 {
			if _, own := s.Config.QueryLogOf(i - 1); own {
				v.Log = i
			}
		}
		if len(s.Policies) > 1 {
			v.Queries = r.metrics.ViewQueries(cmp.Or(p.Name, "default"))
		}
		views = append(views, v)
	}
	return views
}

// signedViews returns the views of clients that sign their queries at a listener, by key.
func (u *inUse) signedViews(l listening) map[wire.Name]server.SignedView {
	var views map[wire.Name]server.SignedView
	for i := range u.Config.Views {
		v := &u.Config.Views[i]
		if is, _ := v.At(l.spec.Addr); !is {
			continue
		}
		for _, name := range v.TSIG {
			k := u.Keys[name]
			if k == nil {
				continue
			}
			key, err := tsig.NewKey(wire.MustParseName(name), k.Algorithm, k.Secret)
			if err != nil {
				continue // the configuration has been checked
			}
			if views == nil {
				views = map[wire.Name]server.SignedView{}
			}
			view := u.views[i+1]
			if d := &u.Policies[i+1].DNS64; d.On && len(d.Clients) == 0 { // else for networks
				view = u.translated(view, d.Clients)
			}
			views[key.Name] = server.SignedView{Key: key, View: view}
		}
	}
	return views
}

// wayIn returns who may come in at a listener, and with which view.
func (u *inUse) wayIn(l listening) way {
	all, networks := u.Config.ViewsAt(l.spec.Addr)
	var clients []policy.Clients
	for _, i := range networks {
		for _, n := range u.Config.Views[i].Clients {
			clients = append(clients, policy.Clients{Net: n, View: u.views[i+1]})
		}
	}
	base := u.views[all+1]
	var done []policy.DNS64Config
	for i := range u.Policies {
		d := u.Policies[i].DNS64
		if !d.On || slices.ContainsFunc(done, func(o policy.DNS64Config) bool {
			return slices.Equal(o.Clients, d.Clients)
		}) {
			continue
		}
		done = append(done, d)
		clients = policy.Within(clients, base, networks64(d.Clients),
			func(v *policy.View) *policy.View { return u.translated(v, d.Clients) })
	}
	return way{policy.NewACL(u.accessOf(l), clients...), base}
}

// networks64 are those that DNS64 is for: the ones that are named, or all.
func networks64(named []netip.Prefix) []netip.Prefix {
	if len(named) == 0 {
		return everybody
	}
	return named
}

// everybody are the networks of all clients.
var everybody = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// translated returns a view for those of its clients that have DNS64, if these are the clients of
// some networks.
func (u *inUse) translated(v *policy.View, clients []netip.Prefix) *policy.View {
	i := slices.Index(u.views, v)
	if i < 0 || !u.Policies[i].DNS64.On || !slices.Equal(u.Policies[i].DNS64.Clients, clients) {
		return v
	}
	if t := u.behind[v]; t != nil {
		return t
	}
	t := *v
	t.Class, t.DNS64 = v.Class|dns64Class, &u.Policies[i].DNS64.DNS64
	u.behind[v] = &t
	return &t
}

// viewFor returns the view of a client at a listener, and what is to be told of both. Without a
// client it is the policy of all who have no view, without a listener the first listener counts.
// With a key it is the view of who signs with it.
func (r *running) viewFor(client, listener, key string) (*policy.View, map[string]any, error) {
	now, at := r.now(), 0
	f := map[string]any{}
	if listener != "" {
		at = slices.IndexFunc(now.listeners, func(l listening) bool {
			return l.text() == listener || l.Addr().String() == listener || l.spec.Key == listener
		})
		if at < 0 {
			return nil, nil, fmt.Errorf("nothing listens at %q", listener)
		}
	}
	if client == "" && key == "" {
		return now.views[0], f, nil
	}
	var a netip.Addr
	if client != "" {
		var err error
		if a, err = parseClient(client); err != nil {
			return nil, nil, err
		}
	}
	if len(now.ways) == 0 {
		return nil, nil, fmt.Errorf("nothing listens")
	}
	f["listener"] = now.listeners[at].text()
	v := now.views[0]
	if client != "" {
		var action policy.Action
		action, v = now.ways[at].decide(a)
		f["access"] = action.String()
	}
	if key != "" {
		name, err := wire.ParseName(key)
		if err != nil {
			return nil, nil, fmt.Errorf("key %q: %w", key, err)
		}
		signed, known := now.signedViews(now.listeners[at])[name]
		if !known {
			return nil, nil, fmt.Errorf("no view at %s has the key %s: who signs with it gets "+
				"BADKEY", f["listener"], name)
		}
		v = signed.View
	}
	f["view"] = cmp.Or(v.Name, "default")
	return v, f, nil
}

// answersHere returns what a view answers without the resolver; nil if nothing.
func (r *running) answersHere(v *policy.View, q wire.Question) *policy.Local {
	if v.Local != nil {
		if l := v.Local(q); l != nil {
			return l
		}
	}
	if v.Special.Answered && !r.now().resolver.In(v.Realm).Configured(q.Name) {
		return policy.Special(q, v.Special.Server, v.Special.Ordinary)
	}
	return nil
}

// listViews tells which views there are, whom they are for, and how often they were asked. Views of
// one class share prepared answers.
func (r *running) listViews(console.Request) (console.Result, error) {
	now := r.now()
	out := console.Result{Columns: []string{"view", "clients", "listeners", "keys", "class",
		"queries", "resolves"},
		Rows: [][]any{}}
	if len(now.Config.Views) == 0 {
		return console.Result{Fields: map[string]any{
			"note": "there are no views: one policy is for all clients; see views"}}, nil
	}
	for i, p := range now.Policies {
		name, clients, listeners, keys := cmp.Or(p.Name, "default"), "all others", "all", ""
		if i > 0 {
			v := now.Config.Views[i-1]
			keys = strings.Join(v.TSIG, ", ")
			if clients = joined(v.Clients); clients == "" && keys == "" {
				clients = "all others"
			}
			var at []string
			for _, l := range now.listeners {
				if _, named := v.At(l.spec.Addr); named {
					at = append(at, l.text())
				}
			}
			listeners = cmp.Or(strings.Join(at, ", "), "all")
		}
		resolves := "as all"
		if p.Realm > 0 {
			resolves = "its own way"
		}
		out.Rows = append(out.Rows, []any{name, clients, listeners, keys, p.Class,
			r.metrics.ViewQueries(name).Load(), resolves})
	}
	return out, nil
}

// joined writes networks in one line.
func joined(networks []netip.Prefix) string {
	var text []string
	for _, n := range networks {
		text = append(text, n.String())
	}
	return strings.Join(text, ", ")
}

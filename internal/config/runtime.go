// What can change while the server runs, besides by another file.

package config

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bailiwick/wire"
)

// Runtime are changes of a configuration. The zero value changes nothing.
type Runtime struct {
	LogLevel string `json:"log_level,omitempty"` // "": as it is
	// Forwards are the servers of forward zones; a zone without servers is removed.
	Forwards map[string][]string `json:"forwards,omitempty"`
	// Views are the same for the clients of views, by the name of the view.
	Views map[string]map[string][]string `json:"views,omitempty"`
}

// logLevel is the key of the level.
const logLevel = "log.level"

// WithLogLevel returns the configuration with another level of the log.
func (c *Config) WithLogLevel(level string) (*Config, error) {
	n := *c
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil || strings.ToLower(l.String()) != level {
		return nil, fmt.Errorf("%.64q is none of debug, info, warn, error", level)
	}
	n.Log.Level = l
	n.text = maps.Clone(c.text)
	n.text[logLevel] = level
	return &n, nil
}

// With returns the configuration with changes: all of them, or an error.
func (c *Config) With(r Runtime) (*Config, error) {
	n := c
	var err error
	if r.LogLevel != "" {
		if n, err = n.WithLogLevel(r.LogLevel); err != nil {
			return nil, err
		}
	}
	if n, err = n.withForwards("", r.Forwards); err != nil {
		return nil, err
	}
	for _, view := range slices.Sorted(maps.Keys(r.Views)) {
		if n, err = n.withForwards(view, r.Views[view]); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// withForwards returns the configuration with other servers for forward zones of a view, or of all
// clients without an own one if the view is "".
func (c *Config) withForwards(view string, to map[string][]string) (n *Config, err error) {
	n = c
	for _, zone := range slices.Sorted(maps.Keys(to)) {
		if len(to[zone]) == 0 && !n.forwards(view, zone) {
			continue
		}
		if n, err = n.WithForward(view, zone, to[zone]); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// forwards reports whether there is a zone of a name for the clients of a view.
func (c *Config) forwards(view, zone string) bool {
	name, err := wire.ParseName(zone)
	if err != nil {
		return true
	}
	for _, p := range c.Policies() {
		if p.Name == view {
			return slices.ContainsFunc(p.Zones, func(z Zone) bool {
				return z.Name == name && z.Network == ""
			})
		}
	}
	return true // the view is missing, which is an error of the change
}

// Runtime returns what of the configuration can change while the server runs. Forward zones whose
// servers are given by name are left out, and views without forward zones of their own.
func (c *Config) Runtime() Runtime {
	r := Runtime{LogLevel: strings.ToLower(c.Log.Level.String()), Forwards: serversOf(c.Zones)}
	for i := range c.Views {
		v := &c.Views[i]
		if own := serversOf(v.own.Zones); v.given["forward_zones"] && len(own) > 0 {
			if r.Views == nil {
				r.Views = map[string]map[string][]string{}
			}
			r.Views[v.Name] = own
		}
	}
	return r
}

// serversOf returns the servers of forward zones that are given by address, by zone.
func serversOf(zones []Zone) map[string][]string {
	all := map[string][]string{}
	for _, z := range zones {
		if !z.Forward || len(z.Addrs) == 0 || len(z.Hosts) > 0 || z.Network != "" {
			continue
		}
		var servers []string
		for i, a := range z.Addrs {
			text := a.String()
			if z.Weights != nil {
				text += " weight " + strconv.Itoa(z.Weights[i])
			}
			servers = append(servers, text)
		}
		all[z.Name.String()] = servers
	}
	return all
}

// Replacing returns the changes after which the forward zones that can change are those wanted, and
// no others; the error of one that is named twice.
func (c *Config) Replacing(r Runtime, wanted map[string][]string) (Runtime, error) {
	var err error
	r.Forwards, err = replaced(c.Runtime().Forwards, wanted)
	return r, err
}

// ReplacingViews is Replacing for the forward zones of views: a key of wanted is a view's name, a
// slash and a zone, as [Runtime.ViewForwards] has it. A view that loses all of its own has none
// then, and not those of all others.
func (c *Config) ReplacingViews(r Runtime, wanted map[string][]string) (Runtime, error) {
	byView := map[string]map[string][]string{}
	for view := range c.Runtime().Views {
		byView[view] = map[string][]string{}
	}
	for key, servers := range wanted {
		view, zone, ok := strings.Cut(key, "/")
		if !ok {
			return r, fmt.Errorf("%.64q is not a view and a zone, such as kids/corp.example", key)
		}
		if byView[view] == nil {
			byView[view] = map[string][]string{}
		}
		byView[view][zone] = servers
	}
	r.Views = map[string]map[string][]string{}
	for view, zones := range byView {
		own, err := replaced(c.Runtime().Views[view], zones)
		if err != nil {
			return r, fmt.Errorf("view %.64q: %w", view, err)
		}
		r.Views[view] = own
	}
	return r, nil
}

// ViewForwards returns the servers of views' forward zones, by a view's name, a slash and a zone.
func (r *Runtime) ViewForwards() map[string][]string {
	all := map[string][]string{}
	for view, zones := range r.Views {
		for zone, servers := range zones {
			all[view+"/"+zone] = servers
		}
	}
	return all
}

// replaced returns the changes that have forward zones become those wanted.
func replaced(now, wanted map[string][]string) (map[string][]string, error) {
	to := map[string][]string{}
	for text, servers := range wanted {
		name, err := wire.ParseName(text)
		if err != nil {
			return nil, fmt.Errorf("zone %q: %w", text, err)
		}
		if _, twice := to[name.String()]; twice {
			return nil, fmt.Errorf("zone %s is there twice", name)
		}
		if len(servers) == 0 {
			return nil, fmt.Errorf("zone %s: no server is given", name)
		}
		to[name.String()] = servers
	}
	for zone := range now {
		if _, stays := to[zone]; !stays {
			to[zone] = nil
		}
	}
	return to, nil
}

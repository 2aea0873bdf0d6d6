// What can change at run time, as a whole and in parts; and what of it outlives a restart.

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/state"
)

// keptChanges are the changes that outlive a restart, in the state directory.
type keptChanges struct {
	state *state.Directory
	log   *slog.Logger

	mu      sync.Mutex
	changes config.Runtime // guarded by mu
}

// loadKept returns those of a directory.
func loadKept(d *state.Directory, log *slog.Logger) *keptChanges {
	k := &keptChanges{state: d, log: log}
	err := d.Load(state.Changes, func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&k.changes)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.changes = config.Runtime{} // the directory has logged the reason
	}
	return k
}

// apply returns a configuration with the changes. One that does not fit the configuration any more
// is left out, with an error in the log: a server has to start without it.
func (k *keptChanges) apply(cfg *config.Config) *config.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, one := range parts(k.changes) {
		next, err := cfg.With(one.change)
		if err != nil {
			k.log.Error("a kept change does not fit the configuration", "change", one.what,
				"value", one.value, "error", err.Error(), "hint", "ctl changes forget "+one.what)
			continue
		}
		cfg = next
	}
	return cfg
}

// part is one of several changes.
type part struct {
	what, value string
	change      config.Runtime
}

// parts returns each change alone.
func parts(all config.Runtime) (list []part) {
	if all.LogLevel != "" {
		list = append(list, part{"log.level", all.LogLevel,
			config.Runtime{LogLevel: all.LogLevel}})
	}
	for _, zone := range slices.Sorted(maps.Keys(all.Forwards)) {
		value := strings.Join(all.Forwards[zone], ", ")
		if value == "" {
			value = "removed"
		}
		list = append(list, part{"forward " + zone, value,
			config.Runtime{Forwards: map[string][]string{zone: all.Forwards[zone]}}})
	}
	for _, view := range slices.Sorted(maps.Keys(all.Views)) {
		for _, one := range parts(config.Runtime{Forwards: all.Views[view]}) {
			one.what += " of view " + view
			one.change = config.Runtime{Views: map[string]map[string][]string{
				view: one.change.Forwards}}
			list = append(list, one)
		}
	}
	return list
}

// merged returns changes with others in place of those of the same.
func merged(all, more config.Runtime) config.Runtime {
	next := config.Runtime{LogLevel: cmp.Or(more.LogLevel, all.LogLevel),
		Forwards: map[string][]string{}, Views: map[string]map[string][]string{}}
	for _, from := range []config.Runtime{all, more} {
		maps.Copy(next.Forwards, from.Forwards)
		for view, forwards := range from.Views {
			if next.Views[view] == nil {
				next.Views[view] = map[string][]string{}
			}
			maps.Copy(next.Views[view], forwards)
		}
	}
	return next
}

// rows returns them for people.
func (k *keptChanges) rows() [][]any {
	k.mu.Lock()
	defer k.mu.Unlock()
	rows := [][]any{}
	for _, one := range parts(k.changes) {
		rows = append(rows, []any{one.what, one.value})
	}
	return rows
}

// add keeps further changes.
func (k *keptChanges) add(more config.Runtime) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.save(merged(k.changes, more))
}

// forget drops a change, or all if what is "", and returns how many.
func (k *keptChanges) forget(what string) (n int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := config.Runtime{Forwards: map[string][]string{}}
	for _, one := range parts(k.changes) {
		if what == "" || what == one.what {
			n++
			continue
		}
		next = merged(next, one.change)
	}
	if n == 0 {
		if what == "" {
			return 0, nil
		}
		return 0, fmt.Errorf("no change %q is kept: see changes list", what)
	}
	return n, k.save(next)
}

// save replaces the changes; mu is held. What could not be saved is not taken for kept.
func (k *keptChanges) save(next config.Runtime) error {
	err := k.state.Save(state.Changes, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(next)
	})
	if err == nil {
		k.changes = next
	}
	return err
}

// errNoState is the error of a change that nothing could keep.
var errNoState = errors.New("nothing outlives a restart: set state.directory, or leave persist out")

// alter puts changes in use, and keeps them if that is asked for: both in one turn, so that what
// outlives a restart is what was put in use last, and no reload comes between.
func (r *running) alter(what string, q console.Request,
	make func(*config.Config) (config.Runtime, error)) (console.Result, error) {
	persist := q.Args["persist"] == "true"
	if persist && r.state == nil {
		return console.Result{}, errNoState
	}
	r.reloading.Lock()
	defer r.reloading.Unlock()
	var changes config.Runtime
	o, err := r.changeInTurn(what, q, func(c *config.Config) (_ *config.Config, err error) {
		if changes, err = make(c); err != nil {
			return nil, err
		}
		return c.With(changes)
	})
	if err != nil {
		return console.Result{}, err
	}
	f := o.report()
	f["until"] = "the next reload or restart"
	if persist {
		f["until"] = "it is changed or forgotten"
		if err := r.kept.add(changes); err != nil {
			f["not_saved"], f["until"] = err.Error(), "the next reload or restart"
		}
	}
	return console.Result{Fields: f}, nil
}

// sameConfig changes nothing.
func sameConfig(c *config.Config) (*config.Config, error) { return c, nil }

// settingsOf are what can change at run time, as the API shows it.
func settingsOf(c *config.Config) map[string]any {
	now := c.Runtime()
	return map[string]any{"log_level": now.LogLevel, "forwards": now.Forwards,
		"view_forwards": now.ViewForwards()}
}

// settings tells what can change at run time.
func (r *running) settings(console.Request) (console.Result, error) {
	return console.Result{Fields: settingsOf(r.now().Config)}, nil
}

// setSettings replaces what can change at run time.
func (r *running) setSettings(q console.Request) (console.Result, error) {
	return r.alter("settings", q, func(c *config.Config) (config.Runtime, error) {
		to := config.Runtime{LogLevel: q.Args["log_level"]}
		var err error
		for _, part := range []struct {
			arg     string
			replace func(config.Runtime, map[string][]string) (config.Runtime, error)
		}{{"forwards", c.Replacing}, {"view_forwards", c.ReplacingViews}} {
			text, given := q.Args[part.arg]
			if !given {
				continue
			}
			wanted, bad := console.ParseMap(text)
			if bad != nil {
				return to, bad
			}
			if to, err = part.replace(to, wanted); err != nil {
				return to, err
			}
		}
		return to, nil
	})
}

// logLevel tells the level of the log.
func (r *running) logLevel(console.Request) (console.Result, error) {
	return console.Result{Fields: map[string]any{"level": r.now().Config.Runtime().LogLevel}}, nil
}

// setLogLevel changes it.
func (r *running) setLogLevel(q console.Request) (console.Result, error) {
	return r.alter("log level "+q.Args["level"], q,
		func(*config.Config) (config.Runtime, error) {
			return config.Runtime{LogLevel: q.Args["level"]}, nil
		})
}

// listKept lists the changes that outlive a restart.
func (r *running) listKept(console.Request) (console.Result, error) {
	return console.Result{Columns: []string{"what", "value"}, Rows: r.kept.rows()}, nil
}

// forgetKept forgets them.
func (r *running) forgetKept(q console.Request) (console.Result, error) {
	n, err := r.kept.forget(q.Args["what"])
	if err != nil {
		return console.Result{}, err
	}
	return console.Result{Fields: map[string]any{"forgotten": n,
		"until": "what holds now goes on until the next reload or restart"}}, nil
}

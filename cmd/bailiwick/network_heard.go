// What networks have announced: by which way, how long it holds, and what of it a restart restores.

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/console"
	"bailiwick/internal/netzones"
	"bailiwick/internal/state"
)

// announcer is who has announced something: the network of an interface, by one way.
type announcer struct {
	Interface string `json:"interface"`
	Family    string `json:"family"` // 4, 6, or "" for both at once
}

// announcement is what was announced.
type announcement struct {
	network *netzones.Network
	ends    time.Time // by the clock of ages; zero: nobody knows
	was     presence  // when it was announced
}

// presence says for how long an interface has been connected without a break. Two that are equal
// are of the same connection: whoever is at the other end of it now was there before.
type presence struct {
	Boot    string `json:"boot"` // names the time since the machine was started; "": nobody knows
	Index   int    `json:"index"`
	Changes uint32 `json:"changes"` // how often its carrier has come or gone
}

// same reports whether it is the same connection for certain.
func (p presence) same(o presence) bool {
	return p.Boot != "" && p == o
}

// keptAnnouncement is the form of an announcement in the state directory.
type keptAnnouncement struct {
	announcer
	Name     string         `json:"name"`
	Servers  []netip.Addr   `json:"servers"`
	Zones    []string       `json:"zones"`
	Prefixes []netip.Prefix `json:"prefixes"`
	Ends     time.Time      `json:"ends"` // time of day
	Was      presence       `json:"was"`
}

// announcerOf reads who announces something.
func announcerOf(q console.Request) (announcer, error) {
	a := announcer{q.Args["interface"], q.Args["family"]}
	if a.Family != "" && a.Family != "4" && a.Family != "6" {
		return a, fmt.Errorf("family %.16q is neither 4 nor 6", a.Family)
	}
	return a, nil
}

// leaseOf reads for how long an address is valid; 0: nobody knows.
func leaseOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%.16q is not a number of seconds", text)
	}
	return min(time.Duration(seconds)*time.Second, netzones.MaxLease), nil
}

// hear takes an announcement. One without a family takes the place of those of both. One without a
// zone ends what was announced: NetworkManager tells of loopback too, which is no network.
func (a *networks) hear(from announcer, n *netzones.Network, lease time.Duration) error {
	heard := announcement{network: n, was: presenceOf(from.Interface)}
	if lease > 0 {
		heard.ends = a.clock.Now().Add(lease)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	_, there := a.networks[from.Interface]
	if !there && len(n.Zones) > 0 && len(a.networks) == netzones.MaxNetworks {
		return fmt.Errorf("there are %d networks already", netzones.MaxNetworks)
	}
	a.remove(from)
	if from.Family != "" {
		delete(a.heard, announcer{Interface: from.Interface})
	}
	if len(n.Zones) > 0 {
		a.heard[from] = heard
	}
	a.heardChanged()
	return nil
}

// remove removes what was announced by one way, or by all if none is named. The caller holds mu.
func (a *networks) remove(from announcer) {
	maps.DeleteFunc(a.heard, func(of announcer, _ announcement) bool {
		return of == from || from.Family == "" && of.Interface == from.Interface
	})
}

// forget is remove for who does not hold mu, and reports whether there was something.
func (a *networks) forget(from announcer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := len(a.heard)
	a.remove(from)
	if len(a.heard) == before {
		return false
	}
	a.heardChanged()
	return true
}

// drop forgets what was announced to interfaces that are not in the network any more, and what has
// ended, and reports whether there was any.
func (a *networks) drop() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	before, now := len(a.heard), a.clock.Now()
	maps.DeleteFunc(a.heard, func(of announcer, h announcement) bool {
		return !h.network.Remains(links(of.Interface)) || !h.ends.IsZero() && !now.Before(h.ends)
	})
	if len(a.heard) == before {
		return false
	}
	a.heardChanged()
	return true
}

// heardChanged makes the networks of what was heard, and keeps it. A failure is the directory's to
// report: what a restart forgets, the next lease brings again. The caller holds mu.
func (a *networks) heardChanged() {
	a.join()
	_ = a.state.Save(state.Networks, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(a.kept())
	})
}

// sorted returns who has announced something, in order. The caller holds mu.
func (a *networks) sorted() []announcer {
	return slices.SortedFunc(maps.Keys(a.heard), func(x, y announcer) int {
		return cmp.Or(cmp.Compare(x.Interface, y.Interface), cmp.Compare(x.Family, y.Family))
	})
}

// join makes the networks of what was heard. The caller holds mu.
func (a *networks) join() {
	a.networks = map[string]*netzones.Network{}
	for _, from := range a.sorted() {
		n := a.heard[from].network
		if other, there := a.networks[from.Interface]; there {
			n = netzones.Join(other, n)
		}
		a.networks[from.Interface] = n
	}
}

// kept returns what a restart may restore: what has an end, of connections that are known again.
// The caller holds mu.
func (a *networks) kept() []keptAnnouncement {
	list := []keptAnnouncement{}
	for _, from := range a.sorted() {
		h := a.heard[from]
		if h.ends.IsZero() || h.was.Boot == "" {
			continue
		}
		k := keptAnnouncement{announcer: from, Name: h.network.Name, Servers: h.network.Servers,
			Prefixes: h.network.Prefixes, Was: h.was,
			Ends: clock.Wall(a.clock).Add(h.ends.Sub(a.clock.Now()))}
		for _, z := range h.network.Zones {
			k.Zones = append(k.Zones, z.String())
		}
		list = append(list, k)
	}
	return list
}

// restore takes what networks had announced to the process before, as far as it still holds for
// certain: the interface has kept its addresses and was connected all the time, the machine has not
// been started anew, and the lease has not ended. Otherwise another network could have taken the
// place of the one that spoke, and get its names, also those that are approved for it. What is
// restored is judged as what is heard, and zones are proven anew.
func (a *networks) restore() {
	a.networks = map[string]*netzones.Network{}
	var list []keptAnnouncement
	err := a.state.Load(state.Networks, func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&list)
	})
	if err != nil || len(list) > 3*netzones.MaxNetworks {
		return // the directory has logged the reason
	}
	now := a.clock.Now()
	for _, k := range list {
		left := k.Ends.Sub(clock.Wall(a.clock))
		n, err := k.network()
		if err != nil || left <= 0 || left > netzones.MaxLease ||
			!presenceOf(k.Interface).same(k.Was) || !n.Remains(links(k.Interface)) {
			continue
		}
		a.heard[k.announcer] = announcement{network: n, ends: now.Add(left), was: k.Was}
	}
	a.join()
}

// network returns what was announced, by the rules for what is announced now.
func (k *keptAnnouncement) network() (*netzones.Network, error) {
	var servers []string
	for _, s := range k.Servers {
		servers = append(servers, s.String())
	}
	n, err := netzones.Make(k.Interface, k.Name, servers, k.Zones, k.Prefixes)
	if err == nil && n.LeftOut > 0 {
		err = errors.New("it is more than can have been kept")
	}
	return n, err
}

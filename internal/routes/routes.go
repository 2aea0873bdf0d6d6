// Package routes reports where this machine's routes lead. It sends no packets.
//
// Routes change while a resolver runs: a laptop moves from one network to the next. So results are
// remembered for a few seconds only, and whoever wants to know at once can watch.
package routes

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Table answers questions about the machine's routes. It is safe for concurrent use.
type Table struct {
	leads *lru.Cache[netip.Addr, led]

	mu     sync.Mutex
	looked time.Time // when v4 and v6 were found; guarded by mu, as are they
	v4, v6 bool
}

// New returns a table.
func New() *Table {
	c, _ := lru.New[netip.Addr, led](maxRemembered) // fails for a size of 0 only
	return &Table{leads: c}
}

// led is where a route led when it was looked at.
type led struct {
	near bool
	at   time.Time
}

// Lead reports whether a route other than the default one leads to an address: then it belongs to
// a network that this machine has been configured for. It returns true where that cannot be found.
func (t *Table) Lead(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	now := time.Now()
	if l, ok := t.leads.Get(a); ok && now.Sub(l.at) < remembered {
		return l.near
	}
	near := leads(a)
	t.leads.Add(a, led{near, now})
	return near
}

// The addresses of a root server, which routes are looked up for. Nothing is sent there.
const (
	rootV4 = "192.5.5.241:53"
	rootV6 = "[2001:500:2f::f]:53"
)

// Uplink returns the addresses that packets to the public Internet leave from, as text.
func (t *Table) Uplink() string { return look().uplink }

// Families reports over which families of addresses a route leads to the public Internet.
func (t *Table) Families() (ipv4, ipv6 bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); t.looked.IsZero() || now.Sub(t.looked) >= remembered {
		t.looked, t.v4, t.v6 = now, source("udp4", rootV4) != "",
			source("udp6", rootV6) != ""
	}
	return t.v4, t.v6
}

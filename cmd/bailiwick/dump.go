// The cache as text.

package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/console"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// dumpPiece is how much of a dump is sent at once, in bytes.
const dumpPiece = 32 << 10

// dump prints what is in the cache, as it is read.
func (r *running) dump(q console.Request) (console.Result, error) {
	below := wire.Root
	if text := q.Args["name"]; text != "" {
		var err error
		if below, err = wire.ParseName(text); err != nil {
			return console.Result{}, fmt.Errorf("name %q: %w", text, err)
		}
	}
	return console.Result{Text: func(w io.Writer) error {
		d := &dumper{out: bufio.NewWriterSize(w, dumpPiece), below: below, store: r.store,
			resolver: r.now().resolver,
			now:      r.clock.Now()}
		fmt.Fprintf(d.out, "; cache of bailiwick %s at %s\n", version,
			clock.Wall(r.clock).UTC().Format(time.RFC3339))
		return d.all()
	}}, nil
}

// dumper prints the entries of a store.
type dumper struct {
	out      *bufio.Writer
	below    wire.Name
	store    *cache.Store
	resolver *resolver.Resolver
	now      time.Time
	count    int
}

// of says for whom an entry is kept, if it is not for all.
func (d *dumper) of(realm uint16) string {
	if realm == 0 {
		return ""
	}
	return ", for " + d.resolver.RealmName(realm)
}

// all prints everything. Its last line tells that it is whole.
func (d *dumper) all() error {
	for _, part := range []func() error{d.sets, d.variants, d.denials, d.delegations,
		d.failures} {
		if err := part(); err != nil {
			return err
		}
	}
	fmt.Fprintf(d.out, "; end: %d entries\n", d.count)
	return d.out.Flush()
}

// left writes how long an entry has, in seconds; stale ones have none.
func (d *dumper) left(expires int64) string {
	if left := expires - d.now.Unix(); left > 0 {
		return fmt.Sprintf("%d s left", left)
	}
	return fmt.Sprintf("ended %d s ago", d.now.Unix()-expires)
}

// line prints a line of an entry, and returns an error if nobody reads it any more.
func (d *dumper) line(format string, args ...any) error {
	d.count++
	_, err := fmt.Fprintf(d.out, format+"\n", args...)
	return err
}

func (d *dumper) sets() error {
	return d.store.EachRRset(d.now, func(k cache.Key, r cache.RRset) error {
		if !k.Name.Within(d.below) {
			return nil
		}
		if err := d.line("; %s %s: %s, %s%s", k.Name, k.Type, r.Set.Security,
			d.left(r.Expires), d.of(k.Realm)); err != nil {
			return err
		}
		set := *r.Set
		set.TTL = uint32(max(r.Expires-d.now.Unix(), 0))
		for _, text := range presentation(&set) {
			if _, err := fmt.Fprintln(d.out, text); err != nil {
				return err
			}
		}
		return nil
	})
}

// variants prints the answers that are for some networks alone. They are comments, as a zone has
// one set of a name and type.
func (d *dumper) variants() error {
	return d.resolver.Variants(func(v resolver.Variant) error {
		if !v.Name.Within(d.below) {
			return nil
		}
		network := "all networks"
		if v.Network.IsValid() {
			network = "network " + v.Network.String()
		}
		if err := d.line("; for %s: %s %s: %s, %s, %s%s", network, v.Name, v.Type, v.Kind,
			v.Status, d.left(v.Expires), d.of(v.Realm)); err != nil {
			return err
		}
		for _, s := range v.Sets {
			for _, text := range presentation(s) {
				if _, err := fmt.Fprintln(d.out, ";", text); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// presentation returns the records of a set, with their signatures, as a zone file has them.
func presentation(s *wire.RRset) (lines []string) {
	b := wire.NewBuilder(wire.MaxMessageLen, 0, wire.FlagQR, []byte(s.Name.Wire()), s.Type, s.Class)
	b.Add(wire.SectionAnswer, s, true)
	m := new(dns.Msg)
	if err := m.Unpack(b.Finish()); err != nil {
		return []string{"; " + strings.ReplaceAll(err.Error(), "\n", " ")}
	}
	for _, rr := range m.Answer {
		lines = append(lines, rr.String())
	}
	return lines
}

func (d *dumper) denials() error {
	return d.store.Negatives.Visit(func(k cache.Key, n *cache.Negative) error {
		if !k.Name.Within(d.below) {
			return nil
		}
		what := k.Type.String()
		if n.NXDomain {
			what = "name"
		}
		return d.line("; denied: %s %s, %s, %s%s", k.Name, what, n.Status, d.left(n.Expires),
			d.of(k.Realm))
	})
}

func (d *dumper) delegations() error {
	return d.store.Delegations.Visit(func(k cache.ZoneKey, g *cache.Delegation) error {
		zone := k.Name
		if !zone.Within(d.below) {
			return nil
		}
		var servers []string
		for _, s := range g.Servers {
			text := s.Name.String()
			for _, a := range s.Addrs {
				text += " " + a.String()
			}
			servers = append(servers, text)
		}
		return d.line("; delegation: %s to %s, %s%s", zone, strings.Join(servers, ", "),
			d.left(g.Expires), d.of(k.Realm))
	})
}

func (d *dumper) failures() error {
	for k, f := range d.store.Failures.All() {
		if !k.Name.Within(d.below) {
			continue
		}
		if err := d.line("; failure: %s %s, %s, %d in a row since %s, %s%s", k.Name, k.Type,
			f.Failure.Cause.Label(), f.Count, time.Unix(f.First, 0).UTC().Format(time.RFC3339),
			d.left(f.Expires), d.of(k.Realm)); err != nil {
			return err
		}
	}
	return nil
}

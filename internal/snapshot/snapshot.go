// Package snapshot is what the operator configured as one immutable value: the configuration, and
// everything that it names, loaded. That is all that serve does with a configuration short of
// opening sockets. `config check` does the same, and so finds whatever serve would refuse.
package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"bailiwick/internal/acme"
	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/fleet"
	"bailiwick/internal/localdata"
	"bailiwick/internal/pemfile"
	"bailiwick/internal/policy"
	"bailiwick/internal/rpz"
	"bailiwick/internal/state"
	"bailiwick/internal/tracing"
	"bailiwick/internal/weblist"
	"bailiwick/resolver"
	"bailiwick/secondary"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/trustanchor"
)

// Snapshot is a configuration with all that it names.
type Snapshot struct {
	Config       *config.Config
	Anchors      *trustanchor.Set
	Sources      []trustanchor.Source        // of Anchors
	Certificates transport.CertificateSource // nil if nothing is encrypted
	Tickets      *transport.Tickets          // nil if they cannot be made
	Resolver     resolver.Config             // that of Config, with hints and zones
	Server       server.Config               // that of Config, with the secrets of cookies
	Secondary    secondary.Config            // that of Config, with zones
	Local        *localdata.Data             // nil if it cannot be loaded
	Policy       []rpz.Zone                  // in their order, without rules
	Policies     []Policy                    // of all clients without a view, then of each view
	// Realms are the ways of resolving that views have in place of that of all clients.
	Realms []Realm
	// Records and Blocked are how many names have local records and are in lists, all policies
	// together; what several share counts once.
	Records, Blocked int
	Fetched          []weblist.List      // block lists by URL
	Tokens           *console.Tokens     // of the API; nil for none
	Admin            *console.Encryption // of the admin listener; nil for none
	Named            []Named             // certificates for its questions to others; see InForce
	// Keys are those of zones.tsig_keys, by their names with the final dot.
	Keys map[string]*secondary.Key
	// Fleet has the store by which servers share their caches, and its secrets.
	Fleet fleet.Settings
	// Tracing has who gets traces, and what they are sent with.
	Tracing tracing.Settings
	// ACME has the authority that a certificate is had from, and all that this takes.
	ACME acme.Settings

	inFiles int            // Blocked, without what is fetched
	alone   withoutMembers // of catalogs
}

// Load loads what a configuration names, all of it, and returns what is wrong with it or dangerous.
func Load(cfg *config.Config) (*Snapshot, config.Findings) {
	s := &Snapshot{Config: cfg}
	var found, f config.Findings
	if _, moves := clock.Default().(interface{ Set(time.Time) }); !cfg.ClockStart.IsZero() &&
		!moves {
		found = append(found, cfg.Error("clock.start",
			"clock.start is for builds with the tag testclock"))
	}
	s.Anchors, s.Sources, f = loadAnchors(cfg)
	found = append(found, f...)
	s.Tokens, f = loadTokens(cfg)
	found = append(found, f...)
	s.Admin, f = loadAdmin(cfg)
	found = append(found, f...)
	s.Named, f = loadNamed(cfg)
	found = append(found, f...)
	s.Certificates, f = LoadCertificates(cfg)
	found = append(found, f...)
	s.Fleet, f = loadFleet(cfg)
	found = append(found, f...)
	s.Tracing, f = loadTracing(cfg)
	found = append(found, f...)
	s.Resolver, f = loadServers(cfg)
	found = append(found, f...)
	found = append(found, aboutSource(cfg)...)
	s.Server, f = loadCookies(cfg)
	found = append(found, f...)
	var own []resolver.Zone
	s.Secondary, own, f = loadHeld(cfg)
	s.Resolver.Zones = append(s.Resolver.Zones, own...)
	found = append(found, f...)
	kept, zones, f := loadPolicy(cfg, s.Secondary.Files)
	s.Secondary.Zones, s.Policy = append(s.Secondary.Zones, kept...), zones
	found = append(found, f...)
	found = append(found, s.loadCatalogs()...)
	found = append(found, s.loadRealms(own)...)
	found = append(found, s.loadPolicies()...)
	s.Keys, _ = loadKeys(cfg) // what is wrong with them is found where zones are loaded
	s.ACME, f = loadACME(cfg, s.Keys)
	found = append(found, f...)
	var err error
	if s.Tickets, err = transport.NewTickets(cfg.Transport.Tickets); err != nil {
		found = append(found, cfg.Error("tls.ticket_secret", "%v", err))
	}
	wrong, doubtful := state.Check(cfg.State.Path())
	if wrong != nil {
		found = append(found, cfg.Error("state.directory", "state directory: %v", wrong))
	}
	if doubtful != nil {
		found = append(found, cfg.Warning("state.directory", "state directory: %v", doubtful))
	}
	if why := unfitSocket(cfg.Console.Socket); why != "" {
		found = append(found, cfg.Error("control.socket", "control socket %s: %s",
			cfg.Console.Socket, why))
	}
	return s, append(found, cfg.Warnings()...).Sorted()
}

// loadServers completes the resolver's configuration with the servers that the operator names.
func loadServers(cfg *config.Config) (resolver.Config, config.Findings) {
	var found config.Findings
	rc := cfg.Resolver
	hints, err := loadHints(cfg)
	if err != nil {
		found = append(found, cfg.Error("resolver.root_hints_file", "%v", err))
	}
	rc.Hints, rc.Referrals, rc.Earliest = hints, snooped(cfg), earliest(cfg)
	for i := range cfg.Zones {
		zone, ok, wrong := loadZone(cfg, &cfg.Zones[i])
		found = append(found, wrong...)
		if ok {
			rc.Zones = append(rc.Zones, zone)
		}
	}
	return rc, found
}

// loadZone completes a stub or forward zone with the certificates that it names. It returns false
// for one whose transport is wrong, as a finding tells.
func loadZone(cfg *config.Config, z *config.Zone) (zone resolver.Zone, ok bool,
	found config.Findings) {
	zone = z.Zone
	if z.Peer == nil {
		return zone, false, nil
	}
	peer := *z.Peer
	var err error
	if z.TLSRoots != "" {
		if peer.Roots, err = pemfile.OpenTrusted(z.TLSRoots); err != nil {
			found = append(found, cfg.Error(z.Key+".tls_ca", "tls_ca of zone %s: %v", z.Name, err))
		}
		zone.Peer = &peer
		zone.Then = slices.Clone(z.Then)
		for i := range zone.Then {
			later := *zone.Then[i].Peer
			later.Roots, zone.Then[i].Peer = peer.Roots, &later
		}
	}
	if f := z.TLSCertificate; f.Certificate != "" {
		key := z.Key + ".tls_certificate"
		if peer.Certificate, err = pemfile.OpenOwn(f.Certificate, f.Key); err != nil {
			found = append(found, cfg.Error(key, "zone %s: certificate %s: %v", z.Name,
				f.Certificate, err))
		}
		zone.Peer = &peer
	}
	return zone, true, found
}

// earliest returns the time before which no clock can be right.
func earliest(cfg *config.Config) time.Time {
	if cfg.ClockEarliest == config.ClockBuild {
		if !cfg.ClockStart.IsZero() {
			return time.Time{} // the clock is what somebody wants it to be
		}
		return clock.Built()
	}
	t, _ := time.Parse(time.RFC3339, cfg.ClockEarliest) // zero for none
	return t
}

// snooped reports whether anybody may look into the caches.
func snooped(cfg *config.Config) bool {
	snoops := func(r policy.Rule) bool { return r.Action == policy.Snoop }
	found := slices.ContainsFunc(cfg.Policy.Access.Own, snoops)
	for _, listeners := range cfg.Listen {
		for _, l := range listeners {
			found = found || slices.ContainsFunc(l.Access, snoops)
		}
	}
	return found
}

// maxSocketPath is the longest path of a Unix socket on any system that this runs on, in octets.
const maxSocketPath = 103

// unfitSocket says why no socket can be made at a path, "" if nothing speaks against it.
func unfitSocket(path string) string {
	if path == "" || path == console.AutoSocket {
		return ""
	}
	if len(path) > maxSocketPath {
		return fmt.Sprintf("the path has %d octets, sockets take up to %d", len(path),
			maxSocketPath)
	}
	folder := filepath.Dir(path)
	if st, err := os.Stat(folder); err != nil {
		return err.Error()
	} else if !st.IsDir() {
		return folder + " is not a folder"
	}
	if st, err := os.Lstat(path); err == nil && st.Mode()&os.ModeSocket == 0 {
		return "there is something else than a socket"
	}
	return ""
}

// Package config is the configuration: one YAML file, every key optional, strict. What the operator
// wrote is read against the table of keys (keys.go), which also makes the schema, the documentation
// and `config show`; what the server runs on is a [Config], complete and immutable.
package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/acme"
	"bailiwick/internal/confine"
	"bailiwick/internal/console"
	"bailiwick/internal/discovery"
	"bailiwick/internal/dnstap"
	"bailiwick/internal/fleet"
	"bailiwick/internal/incident"
	"bailiwick/internal/netzones"
	"bailiwick/internal/observe"
	"bailiwick/internal/policy"
	"bailiwick/internal/querylog"
	"bailiwick/internal/recorder"
	"bailiwick/internal/service"
	"bailiwick/internal/state"
	"bailiwick/internal/tracing"
	"bailiwick/internal/watch"
	"bailiwick/internal/xdp"
	"bailiwick/resolver"
	"bailiwick/secondary"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// Config is what the operator has decided: the configuration of each package as its keys have set
// it, and the names of what has to be loaded for these.
type Config struct {
	Listen    map[transport.Protocol][]Listener
	XDP       []xdp.Spec // interfaces whose packets are taken for listeners of UDP
	Transport transport.Config
	Discovery discovery.Config
	Console   console.Config
	State     state.Config
	Service   service.Config
	Confine   confine.Config
	Log       observe.Config
	QueryLog  querylog.Config
	Dnstap    dnstap.Config
	Tracing   tracing.Config
	Fleet     fleet.Config
	ACME      acme.Config
	Incidents incident.Config
	Networks  netzones.Config // what they may have forwarded
	Watch     watch.Config    // without what the resolver has
	Recorder  recorder.Config
	Resolver  resolver.Config // without zones, and with the built-in hints
	Anchors   trustanchor.Config
	Cache     cache.Config
	Server    server.Config
	Policy    policy.Config
	Secondary secondary.Config // without zones

	Total         int64              // bytes of the process; 0: see Division
	RootHints     []cache.NameServer // in place of the built-in ones, if there are any
	RootHintsFile string             // path of such, "" for none
	Zones         []Zone
	LocalRoot     bool // a copy of the root zone is kept
	Held          []HeldZone
	TSIGKeys      []TSIGKey
	LocalData
	Views []View
	RPZ   []PolicyZone

	Catalogs      []Catalog
	CatalogGroups []MemberGroup

	// CookieSecretFile is the path of secrets of server cookies, "" for none.
	CookieSecretFile string
	Profile          Profile   // what the defaults are made for
	ClockStart       time.Time // test builds only; zero: the machine's clock
	ClockEarliest    string    // a time, or a word
	SelfSigned       bool      // make a certificate, for a lab; no key of the file sets it

	text map[string]string // what each key holds, as `config show` prints it
	// secrets are the texts in it that others than the owner of the files must not see.
	secrets  map[string][]string
	profiled map[string]bool // keys that have another default by the profile
	files    []string        // that it comes from: the first includes the others
	folder   string          // that relative paths are relative to
	named    []confine.Path  // that its keys name
	places   places          // where in the files its parts stand
	bad      map[string]bool // keys with findings: what would follow from them is not worth saying
}

// Zone is a stub or forward zone.
type Zone struct {
	resolver.Zone
	Key      string // what it is called in findings: resolver.forward_zones[0]
	TLSRoots string // path of certificates that Peer's is issued by, "" for the system's
	// TLSCertificate is what this server shows to the zone's servers; without a path nothing.
	TLSCertificate transport.CertificateFile
	Insecure       bool // its answers are not validated
	// Network is the interface whose network has announced it; "" for a zone of the operator's.
	Network string
}

// Default is the configuration without a file.
func Default() *Config {
	c := defaults()
	for i := range keys {
		c.text[keys[i].key] = keys[i].render(keys[i].valueOf(c))
	}
	return c
}

// defaults are those of all packages.
func defaults() *Config {
	return &Config{Listen: defaultListeners(), Transport: transport.Default(),
		Discovery: discovery.Default(), Console: console.Default(), State: state.Default(),
		Service: service.Default(), Confine: confine.Default(),
		Log:      observe.Default(),
		QueryLog: querylog.Default(), Dnstap: dnstap.Default(), Tracing: tracing.Default(),
		Fleet: fleet.Default(), ACME: acme.Default(), Networks: netzones.Default(),
		Incidents: incident.Default(), Watch: watch.Default(), Recorder: recorder.Default(),
		Resolver: resolver.Default(), Anchors: trustanchor.Default(), Cache: cache.Default(),
		Server: server.Default(), Policy: policy.Default(), ClockEarliest: ClockBuild,
		Secondary: secondary.Default(), text: map[string]string{}, secrets: map[string][]string{},
		places: places{}, bad: map[string]bool{}}
}

// Encrypted reports whether some listener needs a certificate.
func (c *Config) Encrypted() bool {
	return slices.ContainsFunc(c.listeners(), func(l bound) bool { return l.via.Encrypted() })
}

// EncryptedKeys names the keys of all listeners that need a certificate, as a sentence does.
func EncryptedKeys() string {
	var keys []string
	for _, p := range transport.Protocols(transport.Protocol.Encrypted) {
		keys = append(keys, "listen."+p.String())
	}
	last := len(keys) - 1
	return strings.Join(keys[:last], ", ") + " and " + keys[last]
}

// EncryptedKey names the first listener that needs a certificate, "" if none does.
func (c *Config) EncryptedKey() string {
	for _, l := range c.listeners() {
		if l.via.Encrypted() {
			return l.Key
		}
	}
	return ""
}

// AddRootHints puts a server with its addresses among the root hints.
func (c *Config) AddRootHints(name string, addrs []netip.Addr) error {
	n, err := wire.ParseName(name)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		c.RootHints = append(c.RootHints, cache.NameServer{Name: n, Addrs: []netip.Addr{a}})
	}
	return nil
}

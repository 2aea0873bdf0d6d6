// Package config is the configuration: one YAML file, every key optional, strict. What the operator
// wrote is read against the table of keys (keys.go), which also makes the schema, the documentation
// and `config show`; what the server runs on is a [Config], complete and immutable.
package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"bailiwick/internal/policy"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Config is what the server runs on.
type Config struct {
	Listen         map[transport.Protocol][]Listener
	Certificates   []transport.CertificateFile
	SelfSigned     bool   // make a certificate, for a lab; no key of the file sets it
	TicketSecret   string // path, "" for none
	TicketRotation time.Duration
	DoHPath        string
	Connections    transport.GateConfig
	Discovery      bool
	DiscoveryName  wire.Name // zero: the certificate's
	DiscoveryAddrs []netip.Addr
	InfoURL        string

	Admin         string // address of the admin listener, "" for none
	ControlSocket string // path, "" for none, "auto" for the usual place
	LogLevel      string
	LogJSON       bool
	ClockStart    time.Time // test builds only; zero: the machine's clock

	Minimisation        string
	Prime               bool
	IPv4                string // auto, true, false
	PrivateServers      string // auto, allow, refuse
	IPv6                string // auto, true, false
	DoNotQueryLocalhost bool
	DoNotQuery          []netip.Prefix
	CaseRandomisation   bool
	UpstreamCookies     bool
	HardenBelowNXDomain bool
	HardenGlue          bool
	Port                int
	MaxAliases          int
	MaxInFlight         int
	RootHints           []Hint
	RootHintsFile       string
	Zones               []Zone

	BuiltinAnchors bool
	AnchorRecords  []string
	AnchorFile     string
	Insecure       []wire.Name // negative trust anchors

	ValidationTime  time.Time // zero: the clock
	IgnoreTimes     bool
	Skew            time.Duration
	SHA1            bool
	StandardP256    bool
	NSEC3Iterations int
	SignatureCache  int

	Memory         int64
	MinTTL         time.Duration
	MaxTTL         time.Duration
	MinNegativeTTL time.Duration
	MaxNegativeTTL time.Duration
	AggressiveNSEC bool
	Prefetch       bool
	// Opportunistic are the transports that authorities are probed for.
	Opportunistic []transport.Protocol

	UDPSize      int
	NSID         string
	Identity     string
	Version      string
	Cookies      bool
	CookieSecret string
	AnyFull      bool
	Rotate       bool
	EDE          bool
	Access       []policy.Rule
	Special      bool
	Private      policy.PrivateAddresses

	text   map[string]string // what each key holds, as `config show` prints it
	file   string            // that it comes from, "" for none
	folder string            // that relative paths are relative to
	places places            // where in the file its parts stand
	bad    map[string]bool   // keys with findings: what would follow from them is not worth saying
}

// Hint is a root server.
type Hint struct {
	Name wire.Name
	Addr netip.Addr
}

// Zone is a stub or forward zone.
type Zone struct {
	Key                     string // what it is called in findings: resolver.forward_zones[0]
	Name                    wire.Name
	Addrs                   []netip.AddrPort
	Hosts                   []wire.Name
	Forward, First, NoCache bool
	Via                     transport.Protocol
	Fallback                bool // to plain DNS where Via fails
	TLSName                 string
	TLSPins                 [][32]byte
	TLSRoots                string // path, "" for the system's
	Path                    string // of DoH
	Insecure                bool   // its answers are not validated
}

// Default is the configuration without a file.
func Default() *Config {
	c := &Config{Listen: map[transport.Protocol][]Listener{}, text: map[string]string{},
		places: places{}, bad: map[string]bool{}}
	for i := range keys {
		if err := keys[i].setDefault(c); err != nil {
			panic("config: default of " + keys[i].key + ": " + err.Error())
		}
	}
	return c
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
		c.RootHints = append(c.RootHints, Hint{n, a})
	}
	return nil
}

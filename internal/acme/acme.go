// Package acme gets the certificate of the encrypted listeners from an authority and renews it (RFC
// 8555). There is one certificate, for all names and addresses: a client that was sent here by
// discovery asks for the name, and demands the address beside it (RFC 9462, section 4.2).
//
// Accounts, orders and challenges are certmagic's. When to order is decided here: what was tried
// and what came of it outlives a restart, so that no loop of restarts uses up what the authority
// allows. All of it is one file of the state directory, so that a key is never without its
// certificate.
package acme

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/guard"
	"bailiwick/internal/pemfile"
	"bailiwick/internal/rest"
	"bailiwick/internal/state"
	"bailiwick/wire"
)

// Challenge is how the authority has it proven that names and addresses are this server's.
type Challenge uint8

// The challenges.
const (
	TLSALPN Challenge = iota // at port 443 of each name and address (RFC 8737)
	DNS                      // by a TXT record of each name (RFC 8555, section 8.4)
)

// Config is what the operator decides.
type Config struct {
	Directory string // URL of the authority; "": there is none
	Agreed    bool   // to the authority's terms
	Contact   string // mail address, "" for none
	Names     []string
	Addresses []netip.Addr
	Challenge Challenge
	Profile   string // of the authority's, "" for its default
	TLSRoots  string // file of the authorities that the directory's certificate is issued by
	// EABKeyID and EABSecretFile bind the account to one that the authority has (RFC 8555, section
	// 7.3.4); "" for none.
	EABKeyID, EABSecretFile string
	// RenewBefore is how long before its end the certificate is renewed; 0: a third of its life.
	RenewBefore time.Duration
	KeepKey     bool // with the next certificate

	// Server takes updates of Zone that are signed with the key TSIG.
	Server netip.AddrPort
	Zone   wire.Name
	TSIG   string
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config { return Config{} }

// On reports whether a certificate is to be had.
func (c *Config) On() bool { return c.Directory != "" }

// Key is a TSIG key.
type Key struct {
	Name, Algorithm string // with the final dot
	Secret          []byte
}

// Settings are a configuration with all that it names.
type Settings struct {
	Config
	Roots     *pemfile.Trusted // nil: the system's
	EABSecret string           // in base64url
	Key       Key              // of Server
}

// identifiers returns what the certificate is for, in one order.
func (c *Config) identifiers() (list []string) {
	list = append(list, c.Names...)
	for _, a := range c.Addresses {
		list = append(list, a.String())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// wanted stands for the certificate that a configuration wants: another one is ordered if it
// changes.
func (c *Config) wanted() string {
	return c.Directory + " " + c.Profile + " " + strings.Join(c.identifiers(), " ")
}

// Parts are what a manager works with.
type Parts struct {
	Clock clock.Clock
	Log   *slog.Logger
	Guard *guard.Guard
	Rest  *rest.Rest // nil: it never rests
	State *state.Directory
	Agent string // what the authority is told of this program
	// LookUp returns the addresses of a host, by this server's own resolver: the machine may have
	// no other.
	LookUp func(ctx context.Context, host wire.Name) ([]netip.Addr, error)
	// Target returns the name that a name is an alias of at last: itself if it is none.
	Target func(ctx context.Context, name wire.Name) wire.Name
	// Servers returns where the servers of a zone answer.
	Servers func(ctx context.Context, zone wire.Name) []netip.AddrPort
}

// Servers that the operator names in files, and who they have to be.

package snapshot

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/config"
	"bailiwick/internal/pemfile"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// AnchorRoots returns the certificates that the download of trust anchors is signed by: those in a
// PEM file, ICANN's if the path is empty.
func AnchorRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return trustanchor.ICANN(), nil
	}
	return pemfile.Roots(path)
}

// loadHints returns the root's servers: from the configuration, a file, or built in.
func loadHints(cfg *config.Config) ([]cache.NameServer, error) {
	switch {
	case len(cfg.RootHints) > 0:
		return cfg.RootHints, nil
	case cfg.RootHintsFile != "":
		return readHints(cfg.RootHintsFile)
	}
	return cfg.Resolver.Hints, nil
}

// readHints takes the addresses of a hints file.
func readHints(path string) ([]cache.NameServer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("root hints: %w", err)
	}
	defer f.Close()
	var hints []cache.NameServer
	p := dns.NewZoneParser(f, ".", path)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		var ip net.IP
		switch a := rr.(type) {
		case *dns.A:
			ip = a.A
		case *dns.AAAA:
			ip = a.AAAA
		default:
			continue
		}
		name, err := wire.ParseName(rr.Header().Name)
		if err != nil {
			return nil, fmt.Errorf("root hints: %w", err)
		}
		addr, _ := netip.AddrFromSlice(ip)
		hints = append(hints, cache.NameServer{Name: name, Addrs: []netip.Addr{addr.Unmap()}})
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("root hints: %w", err)
	}
	if len(hints) == 0 {
		return nil, fmt.Errorf("root hints %s hold no address", path)
	}
	return hints, nil
}

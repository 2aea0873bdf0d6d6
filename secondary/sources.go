// The sources of a zone: primaries, a web server, a file.

package secondary

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"bailiwick/internal/samefile"
	"bailiwick/internal/web"
	"bailiwick/wire"
	"bailiwick/zone"
)

// errOlder is the error of a source whose zone is older than the copy.
var errOlder = errors.New("its zone is older than the copy")

// errSame is the error of a source that has told of a newer zone, and sends the copy's.
var errSame = errors.New("its whole zone is no newer than the copy, and its changes are not right")

// source is where a zone comes from.
type source struct {
	name string // for people
	// fetch returns the zone if it is newer than the copy, nil if it is the same one. whole
	// reports whether the whole zone is wanted and not its changes.
	fetch func(ctx context.Context, have *zone.Zone, whole bool) (*zone.Zone, error)
	// incremental reports whether a source may send changes.
	incremental bool
}

// sources returns the sources of a zone in their order. read is its file as it was read before, if
// it was.
func (k *Keeper) sources(z *Zone, read *File, octets int) (list []source) {
	for _, p := range z.Primaries {
		list = append(list, source{p.String(), func(ctx context.Context, have *zone.Zone,
			whole bool) (*zone.Zone, error) {
			return k.fromPrimary(ctx, z, p, have, whole, octets)
		}, true})
	}
	if z.URL != "" {
		list = append(list, source{z.URL, func(ctx context.Context, have *zone.Zone,
			_ bool) (*zone.Zone, error) {
			return k.fromWeb(ctx, z, have, octets)
		}, false})
	}
	if z.File != "" {
		list = append(list, source{z.File, func(_ context.Context, have *zone.Zone,
			_ bool) (*zone.Zone, error) {
			return fromFile(z, read, have, octets)
		}, false})
	}
	return list
}

// String returns the primary as it is configured.
func (p Primary) String() string {
	host := p.Name.String()
	if p.Addr.IsValid() {
		host = p.Addr.String()
	}
	if p.Port == 0 {
		return host
	}
	return fmt.Sprintf("%s@%d", host, p.Port)
}

// fromPrimary asks the addresses of a primary until one gives an answer.
func (k *Keeper) fromPrimary(ctx context.Context, z *Zone, p Primary, have *zone.Zone, whole bool,
	octets int) (got *zone.Zone, err error) {
	addrs := []netip.Addr{p.Addr}
	if !p.Addr.IsValid() {
		if addrs, err = k.addresses(ctx, p.Name); err != nil {
			return nil, err
		}
		k.remember(z.Name, addrs)
	}
	port := p.Port
	if port == 0 {
		if port = portTCP; z.TLS != nil {
			port = portTLS
		}
	}
	var failed []error
	for _, a := range addrs {
		got, err = k.fromAddress(ctx, z, netip.AddrPortFrom(a, port), have, whole, octets)
		if err == nil {
			return got, nil
		}
		failed = append(failed, fmt.Errorf("%s: %w", a, err))
	}
	return nil, errors.Join(failed...)
}

// fromAddress asks one address of a primary: whether there is a newer zone, for the changes, and
// for the whole zone if one of these questions is of no use.
func (k *Keeper) fromAddress(ctx context.Context, z *Zone, addr netip.AddrPort, have *zone.Zone,
	whole bool, octets int) (*zone.Zone, error) {
	s, err := k.connect(ctx, z, addr)
	if err != nil {
		return nil, err
	}
	defer func() { s.close() }()
	if have == nil || whole {
		got, err := s.transfer(ctx, nil, octets)
		if err != nil {
			return nil, err
		}
		if got, err = than(got, have); err == nil && got == nil {
			err = errSame
		}
		return got, err
	}
	serial, err := s.serial(ctx)
	var refused *refusal // some primaries give the zone away and nothing else
	switch {
	case errors.As(err, &refused):
	case err != nil:
		return nil, err
	case serial == have.SOA().Serial:
		return nil, nil
	case !newer(serial, have.SOA().Serial):
		return nil, errOlder
	default:
		got, err := s.transfer(ctx, have, octets)
		if err == nil {
			return than(got, have)
		}
		if ctx.Err() != nil || errors.Is(err, zone.ErrTooLarge) {
			return nil, err
		}
	}
	s.close() // what it sends after a broken reply cannot be told
	next, err := k.connect(ctx, z, addr)
	if err != nil {
		return nil, err
	}
	s = next
	got, err := s.transfer(ctx, nil, octets)
	if err != nil {
		return nil, err
	}
	return than(got, have)
}

// than returns a zone if it is newer than the copy, nil if it is the same one or none has come. Of
// several servers behind one address, the one that sends the zone may be behind the one that told
// the serial.
func than(got, have *zone.Zone) (*zone.Zone, error) {
	switch {
	case got == nil:
		return nil, nil
	case have == nil || newer(got.SOA().Serial, have.SOA().Serial):
		return got, nil
	case got.SOA().Serial == have.SOA().Serial:
		return nil, nil
	}
	return nil, errOlder
}

// remember notes addresses of a zone's primaries, which may send NOTIFY.
func (k *Keeper) remember(zone wire.Name, addrs []netip.Addr) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := (*k.zones.Load())[zone]
	if h == nil {
		return
	}
	if h.known == nil || len(h.known) > maxKnown {
		h.known = map[netip.Addr]bool{}
	}
	for _, a := range addrs {
		h.known[a.Unmap()] = true
	}
}

// addresses returns addresses of a host.
func (k *Keeper) addresses(ctx context.Context, host wire.Name) ([]netip.Addr, error) {
	addrs, err := k.parts.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%s has no address", host)
	}
	return addrs[:min(len(addrs), maxAddresses)], nil
}

// fromWeb gets a zone file from a web server.
func (k *Keeper) fromWeb(ctx context.Context, z *Zone, have *zone.Zone, octets int) (
	*zone.Zone, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, z.URL, nil)
	if err != nil {
		return nil, err
	}
	reply, err := k.web.Do(r)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return nil, errors.New(reply.Status)
	}
	body := web.NewBody(reply.Body, int64(octets)*maxText, zone.ErrTooLarge, cancel)
	defer body.Stop()
	got, err := zone.Parse(body, z.Name, "", octets)
	if err != nil {
		return nil, err
	}
	return than(got, have)
}

// File is a zone file that was read.
type File struct {
	Zone *zone.Zone
	stat os.FileInfo
}

// fromFile reads a zone file, unless it is as one that was read before. A file has no serial to be
// asked for: it is read each time.
func fromFile(z *Zone, read *File, have *zone.Zone, octets int) (*zone.Zone, error) {
	got, err := readFile(z, read, octets)
	if err != nil {
		return nil, err
	}
	return than(got.Zone, have)
}

// readFile reads a zone file, or returns the one that was read before if it is as it was.
func readFile(z *Zone, read *File, octets int) (*File, error) {
	f, err := os.Open(z.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if read != nil && samefile.Unchanged(read.stat, st) {
		if read.Zone.Size() > octets {
			return nil, zone.ErrTooLarge
		}
		return read, nil
	}
	got, err := zone.Parse(f, z.Name, z.File, octets)
	if z.Policy && errors.Is(err, zone.ErrNoSOA) {
		got, err = readWithout(f, st, z, octets)
	}
	if err != nil {
		return nil, err
	}
	return &File{got, st}, nil
}

// readWithout reads a file of rules without a SOA record, as people write them by hand. Its serial
// is when it was changed last.
func readWithout(f *os.File, st os.FileInfo, z *Zone, octets int) (*zone.Zone, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	soa := fmt.Sprintf("\n%s %d IN SOA localhost. root.localhost. %d 3600 600 604800 60\n", z.Name,
		madeTTL, uint32(st.ModTime().Unix()))
	return zone.Parse(io.MultiReader(f, strings.NewReader(soa)), z.Name, z.File, octets)
}

// madeTTL is the TTL of a SOA record that is made here, in seconds.
const madeTTL = 60

// CheckFile reads the zone file of a zone, and returns what is wrong with it, as far as that can be
// told without the network.
func CheckFile(z *Zone) (*File, error) {
	got, err := readFile(z, nil, zone.MaxOctets)
	if err != nil || z.Digest == DigestOff {
		return got, err
	}
	_, err = weigh(z.Digest, got.Zone.CheckDigest())
	return got, err
}

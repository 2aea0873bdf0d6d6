// The texts that several keys take: addresses, networks, names and interfaces.

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"bailiwick/wire"
)

// eachItem reads the items of a list, all of them, and says in which something is wrong. What read
// returns for these stands in their places, so that findings about the others name the right ones.
func eachItem[T any](list []string, read func(string) (T, error)) (out []T, err error) {
	var errs []error
	for i, s := range list {
		v, err := read(s)
		out, errs = append(out, v), append(errs, inItem(i, err))
	}
	return out, errors.Join(errs...)
}

// goodItems reads the items of a list like eachItem, and leaves out those that are wrong.
func goodItems[T any](list []string, read func(string) (T, error)) (out []T, err error) {
	_, err = eachItem(list, func(s string) (v T, err error) {
		if v, err = read(s); err == nil {
			out = append(out, v)
		}
		return v, err
	})
	return out, err
}

// address reads an address and a port: 192.0.2.1:53, [2001:db8::1]:53, with @ for the colon as
// Unbound writes it, or either alone.
func address(s string, port uint16) (netip.AddrPort, error) {
	host, number, wanted := s, "", false
	switch i := strings.LastIndexByte(s, ':'); {
	case strings.Contains(s, "@"):
		host, number, wanted = strings.Cut(s, "@")
	case strings.HasPrefix(s, "["):
		host, number, wanted = strings.Cut(s, "]:")
	case strings.Count(s, ":") == 1:
		host, number, wanted = strings.Cut(s, ":")
	case i >= 0 && isPort(s[i+1:]):
		// ::1:53 is an address. Whoever writes it means an address and a port.
		if a, err := netip.ParseAddr(s[:i]); err == nil {
			return netip.AddrPort{}, fmt.Errorf("%q may be an address or an address and a port: "+
				"write [%s]:%s or [%s]", s, a, s[i+1:], s)
		}
	}
	host = strings.Trim(host, "[]")
	a, err := netip.ParseAddr(host)
	switch {
	case host == "*" || host == "" && wanted:
		return netip.AddrPort{}, fmt.Errorf("%q is not an address; all of this machine are "+
			"0.0.0.0 and [::]", s)
	case err != nil:
		return netip.AddrPort{}, fmt.Errorf("%q is not an address such as 192.0.2.1:53 or "+
			"[2001:db8::1]:53",
			s)
	case !wanted:
		return netip.AddrPortFrom(a, port), nil
	case !isPort(number):
		return netip.AddrPort{}, fmt.Errorf("%q: %q is not a port from 0 to 65535", s, number)
	}
	n, err := strconv.ParseUint(number, 10, 16)
	return netip.AddrPortFrom(a, uint16(n)), err
}

// interfaceName reads the name of a network interface, as Linux allows it.
func interfaceName(s string) (string, error) {
	if len(s) > 15 || strings.ContainsAny(s, "/ \t\n") || s == "." || s == ".." {
		return "", fmt.Errorf("%q is not a name of a network interface", s)
	}
	return s, nil
}

// isPort reports whether a text is a number that a port can have.
func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// addrPorts reads addresses of servers: port 0 is none that a server could be asked at.
func addrPorts(list []string, port uint16) ([]netip.AddrPort, error) {
	return eachItem(list, func(s string) (netip.AddrPort, error) {
		ap, err := address(s, port)
		if err == nil && ap.Port() == 0 {
			err = fmt.Errorf("%q: no server can be asked at port 0", s)
		}
		return ap, err
	})
}

// domainNames reads domain names.
func domainNames(list []string) ([]wire.Name, error) {
	return goodItems(list, func(s string) (wire.Name, error) {
		n, err := wire.ParseName(strings.TrimSpace(s))
		if strings.TrimSpace(s) == "" {
			err = fmt.Errorf("an entry has no name; the root is %q", ".")
		} else if err != nil {
			err = fmt.Errorf("%q is not a name: %w", s, err)
		}
		return n, err
	})
}

func prefixes(list []string) ([]netip.Prefix, error) { return eachItem(list, parsePrefix) }

// parsePrefix reads a network, or an address as the network of itself.
func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		if p.Addr().Is4In6() && p.Bits() >= 96 { // clients at such addresses are seen as IPv4
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network such as 192.0.2.0/24", s)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

package localdata

import (
	"bufio"
	"bytes"
	"io"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"bailiwick/internal/aside"
	"bailiwick/internal/cause"
	"bailiwick/internal/policy"
	"bailiwick/wire"
)

// Action is what happens to the names of a list, and to those below them.
type Action uint8

// The actions.
const (
	ListNXDomain Action = iota
	ListNoData
	ListRefuse
	ListDrop
	ListAllow // they are not blocked, whatever shorter name is
)

var actionNames = [...]string{"nxdomain", "nodata", "refuse", "drop", "allow"}

// String returns the action's name in the configuration.
func (a Action) String() string { return actionNames[a] }

// ActionNames returns the names of all actions.
func ActionNames() []string { return actionNames[:] }

// List is a list of names.
type List struct {
	Name   string // of its file, or where it is fetched from
	URL    string // where it is fetched from, "" if it is a file
	Action Action
	Names  int
}

// answer returns what is said of a name of the list, and of those below it.
func (l *List) answer(name wire.Name) *policy.Local {
	a := &policy.Local{Cause: cause.Blocked, From: policy.FromLists, List: l.Name}
	switch l.Action {
	case ListAllow:
		return nil
	case ListRefuse:
		a.Action = policy.LocalRefuse
		return a
	case ListDrop:
		a.Action, a.Cause = policy.LocalDrop, cause.BlockedSilently
		return a
	}
	a.NXDomain, a.SOA = l.Action == ListNXDomain, policy.MadeSOA(name, wire.Name{})
	return a
}

// maxLine is the longest line of a file, in bytes: ten addresses' names fit.
const maxLine = 1 << 16

// AddList adds the names of a list, see [Read]. What cannot be read is skipped and counted.
func (b *Builder) AddList(name string, action Action, from io.Reader) (skipped int, err error) {
	content, err := Read(from, func(n wire.Name) error {
		return b.blocked.Add(n, uint32(len(b.lists)))
	})
	b.lists = append(b.lists, List{Name: name, Action: action, Names: content.Names})
	return content.Other + content.Junk, err
}

// AddFetched adds a list that is fetched from a URL: its place, and no names before
// [Data.WithFetched] has them.
func (b *Builder) AddFetched(name, url string, action Action) {
	b.lists = append(b.lists, List{Name: name, URL: url, Action: action})
}

// Content is what is in the text of a list.
type Content struct {
	Names int
	Other int // rules of ad blockers, which are about more than a name; this machine's own names
	Junk  int // entries that are neither
	Top   []string
}

// maxTop is how many top-level domains of a list are remembered.
const maxTop = 5

// Read reads the text of a list: a name in each line, or a line of a hosts file, whose address does
// not matter. A comment begins with # or !, and "*.name" and "||name^" are the name. Other rules of
// ad blockers are about parts of a page or some of its requests, and must not have the whole name
// blocked.
func Read(from io.Reader, add func(wire.Name) error) (c Content, err error) {
	err = lines(from, func(line string) error {
		if cosmetic(line) {
			c.Other++
			return nil
		}
		if line = uncommented(line); line == "" {
			return nil
		}
		fields := strings.Fields(line)
		if len(fields) > 1 {
			if _, err := netip.ParseAddr(fields[0]); err != nil {
				if isRule(fields[0]) {
					c.Other++
				} else {
					c.Junk++
				}
				return nil
			}
			fields = fields[1:]
		}
		for _, f := range fields {
			n, ok := listed(f)
			switch {
			case ok:
				c.Names++
				if n.Labels() == 1 && len(c.Top) < maxTop {
					c.Top = append(c.Top, n.String())
				}
				if err := add(n); err != nil {
					return err
				}
			case isRule(f), hostsOwn[strings.ToLower(f)]:
				c.Other++
			default:
				c.Junk++
			}
		}
		return nil
	})
	return c, err
}

// cosmetic reports whether a line is a rule of an ad blocker about parts of a page: the names
// before the number sign are those of pages that it is for.
func cosmetic(line string) bool {
	i := strings.IndexByte(line, '#')
	return i > 0 && i+1 < len(line) && line[i-1] != ' ' && line[i-1] != '\t' &&
		strings.IndexByte("#@?$%", line[i+1]) >= 0
}

// isRule reports whether an entry is a rule of an ad blocker.
func isRule(entry string) bool {
	return strings.ContainsAny(entry[:1], "|@/[") || strings.ContainsAny(entry, "^$")
}

// hostsOwn are the names of this machine in every hosts file, which no list means to block.
var hostsOwn = map[string]bool{"localhost": true, "localhost.localdomain": true, "local": true,
	"broadcasthost": true, "ip6-localhost": true, "ip6-loopback": true, "ip6-localnet": true,
	"ip6-mcastprefix": true, "ip6-allnodes": true, "ip6-allrouters": true, "ip6-allhosts": true,
	"0.0.0.0": true}

// listed returns the name of a list's entry. An address or the root is none: whoever writes these
// does not mean to block everything.
func listed(entry string) (wire.Name, bool) {
	if strings.HasPrefix(entry, "||") && strings.HasSuffix(entry, "^") {
		entry = entry[2 : len(entry)-1]
	}
	entry = strings.TrimPrefix(entry, "*.")
	if _, err := netip.ParseAddr(entry); err == nil || hostsOwn[strings.ToLower(entry)] ||
		strings.ContainsAny(entry, "/|^$@=,:*\\\"") {
		return wire.Name{}, false
	}
	n, err := wire.ParseName(entry)
	return n, err == nil && !n.IsRoot()
}

// lines calls f with each line that is neither empty nor a comment.
func lines(from io.Reader, f func(string) error) error {
	s := bufio.NewScanner(from)
	s.Buffer(nil, maxLine)
	for steps := uint8(1); s.Scan(); steps++ {
		if steps == 0 {
			aside.Yield()
		}
		line := bytes.TrimPrefix(s.Bytes(), []byte("\xef\xbb\xbf")) // some editors begin with it
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '!' || line[0] == '#' {
			continue
		}
		if err := f(string(line)); err != nil {
			return err
		}
	}
	return s.Err()
}

// uncommented returns a line without the comment at its end.
func uncommented(line string) string {
	line, _, _ = strings.Cut(line, "#")
	return strings.TrimSpace(line)
}

// AddHosts adds the names of a hosts file with their addresses, and for each address a PTR record
// with the first name that has it. Addresses of scope and lines that cannot be read are skipped and
// counted.
func (b *Builder) AddHosts(from io.Reader) (skipped int, err error) {
	err = lines(from, func(line string) error {
		fields := strings.Fields(uncommented(line))
		addr, err := netip.ParseAddr(fields[0])
		if err != nil || addr.Zone() != "" || len(fields) < 2 {
			skipped++
			return nil
		}
		t, addr := wire.TypeA, addr.Unmap()
		if addr.Is6() {
			t = wire.TypeAAAA
		}
		for i, f := range fields[1:] {
			host, err := wire.ParseName(f)
			if err != nil || !hostName(host.String()) ||
				b.add(host, t, defaultTTL, addr.AsSlice()) != nil {
				skipped++
				continue
			}
			if i > 0 {
				continue
			}
			if reverse, ok := reverseOf(addr); ok && b.owners[reverse] == nil {
				_ = b.add(reverse, wire.TypePTR, defaultTTL, []byte(host.Wire())) // it is the first
			}
		}
		return nil
	})
	return skipped, err
}

// reverseOf returns the name at which an address has its PTR record (RFC 1035, section 3.5; RFC
// 3596, section 2.5).
func reverseOf(a netip.Addr) (wire.Name, bool) {
	text, err := dns.ReverseAddr(a.String())
	if err != nil {
		return wire.Name{}, false
	}
	n, err := wire.ParseName(text)
	return n, err == nil
}

// hostName reports whether a text is the name of a host: letters, digits, hyphens, underscores and
// dots.
func hostName(s string) bool {
	return strings.Trim(s, ".") != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '_' && r != '.' && (r < '0' || r > '9') && (r|0x20 < 'a' ||
			r|0x20 > 'z')
	})
}

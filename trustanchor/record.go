// The followed keys as a text, which a person can read: see [writePoints].

package trustanchor

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"bailiwick/wire"
)

// writePoints writes what is known of zones' keys, for [readPoints]: a line for each zone, then one
// for each configured anchor and for each key of it.
//
//	zone . seen 2026-11-26T10:00:00Z
//	from 20326 8 2 e06d44b8...
//	key valid since 2026-11-20T09:00:00Z held 145h0m0s wait 0s seen 0 257 3 8 AwEAA...
func writePoints(w io.Writer, points []Point) error {
	out := bufio.NewWriter(w)
	for _, p := range points {
		fmt.Fprintf(out, "zone %s seen %s\n", p.Zone, stamp(p.Seen))
		for _, d := range p.From {
			fmt.Fprintf(out, "from %d %d %d %x\n", d.KeyTag, d.Algorithm, d.Digest, d.Hash)
		}
		for i := range p.Keys {
			k := &p.Keys[i]
			fmt.Fprintf(out, "key %s since %s held %s wait %s seen %d %d %d %d %s\n", k.State,
				stamp(k.Since), k.Held, k.Wait, k.Seen, uint16(k.Data[0])<<8|uint16(k.Data[1]),
				k.Data[2], k.Data[3], base64.StdEncoding.EncodeToString(k.Data[4:]))
		}
	}
	return out.Flush()
}

// stamp writes a time of day.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// readPoints reads what [writePoints] has written.
func readPoints(r io.Reader) (points []Point, err error) {
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		f := strings.Fields(in.Text())
		switch {
		case len(f) == 0:
			continue
		case f[0] == "zone":
			var p Point
			p, err = readZone(f)
			points = append(points, p)
		case len(points) == 0:
			err = fmt.Errorf("%q stands before the first zone", f[0])
		default:
			err = points[len(points)-1].read(f)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return points, in.Err()
}

// labelled takes the values from a line of which some fields are fixed words.
func labelled(f []string, form string) (values []string, err error) {
	words := strings.Fields(form)
	if len(f) != len(words) {
		return nil, fmt.Errorf("%d fields, want %q", len(f), form)
	}
	for i, w := range words {
		if w == "?" {
			values = append(values, f[i])
		} else if f[i] != w {
			return nil, fmt.Errorf("%q, want %q", f[i], form)
		}
	}
	return values, nil
}

func readZone(f []string) (p Point, err error) {
	v, err := labelled(f, "zone ? seen ?")
	if err != nil {
		return p, err
	}
	if p.Zone, err = wire.ParseName(v[0]); err != nil {
		return p, err
	}
	p.Seen, err = readStamp(v[1])
	return p, err
}

// readStamp reads a time of day; the zero time is that of stamp.
func readStamp(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if t.IsZero() {
		t = time.Time{}
	}
	return t.UTC(), err
}

// read adds an anchor or a key to the point.
func (p *Point) read(f []string) error {
	if f[0] == "from" {
		d, err := readFrom(f)
		p.From = append(p.From, d)
		return err
	}
	k, err := readKey(f)
	if err == nil && p.find(k.Data) >= 0 {
		err = fmt.Errorf("key %d is there twice", k.Tag())
	}
	p.Keys = append(p.Keys, k)
	return err
}

func readFrom(f []string) (d wire.DS, err error) {
	v, err := labelled(f, "from ? ? ? ?")
	if err != nil {
		return d, err
	}
	n, err := numbers(v[:3], 16, 8, 8)
	if err != nil {
		return d, err
	}
	d = wire.DS{KeyTag: uint16(n[0]), Algorithm: uint8(n[1]), Digest: uint8(n[2])}
	d.Hash, err = hex.DecodeString(v[3])
	return d, err
}

func readKey(f []string) (k Key, err error) {
	v, err := labelled(f, "key ? since ? held ? wait ? seen ? ? ? ? ?")
	if err != nil {
		return k, err
	}
	state := slices.Index(keyStateNames[:], v[0])
	if state <= int(Start) {
		return k, fmt.Errorf("%q is not a state of a key", v[0])
	}
	k.State = KeyState(state)
	if k.Since, err = readStamp(v[1]); err != nil {
		return k, err
	}
	if k.Held, err = time.ParseDuration(v[2]); err != nil {
		return k, err
	}
	if k.Wait, err = time.ParseDuration(v[3]); err != nil {
		return k, err
	}
	n, err := numbers(v[4:8], 31, 16, 8, 8)
	if err != nil {
		return k, err
	}
	public, err := base64.StdEncoding.DecodeString(v[8])
	if err != nil {
		return k, err
	}
	k.Seen = int(n[0])
	k.Data = append([]byte{byte(n[1] >> 8), byte(n[1]), byte(n[2]), byte(n[3])}, public...)
	if len(public) == 0 || k.Held < 0 || k.State == Pending && k.Wait < addHoldDown {
		err = fmt.Errorf("a key of %d octets, held %v, wait %v", len(public), k.Held, k.Wait)
	}
	return k, err
}

// numbers reads numbers of so many bits.
func numbers(texts []string, bits ...int) (n []uint64, err error) {
	for i, s := range texts {
		v, err := strconv.ParseUint(s, 10, bits[i])
		if err != nil {
			return nil, err
		}
		n = append(n, v)
	}
	return n, nil
}

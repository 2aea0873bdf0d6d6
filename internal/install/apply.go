// Installations are made, and undone.

package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"

	"bailiwick/internal/state"
)

// Machine is what an installation needs besides files.
type Machine struct {
	Run    func(argv []string) error // runs a command
	Wait   func() error              // returns when the server answers
	Create func(*Service) error      // makes a service of Windows, which does not run yet
	Delete func(*Service) error      // ends one and removes it; one that is not there is no error
}

// record lists the steps of an installation, up to the one that was begun last.
type record struct {
	Version int        `json:"version"`
	Address netip.Addr `json:"address"`
	Steps   []Step     `json:"steps"`
}

// Versions of the record. That of now has links whose servers were set, which a program that writes
// the first does not look for under systemd.
const (
	recordVersion = 2
	oldestVersion = 1 // that is read
)

// save writes the record. The text of what was written is left out: its sum is enough.
func (r *record) save(path string) error {
	return state.Replace(path, 0o600, func(f *os.File) error {
		return json.NewEncoder(f).Encode(r)
	})
}

// Apply makes the installation. If a step fails, all before it are undone; both errors are
// returned.
func (p *Plan) Apply(m Machine) error {
	r := record{Version: recordVersion, Address: p.c.Addresses[0]}
	for i := range p.Steps {
		if err := p.step(m, &r, i); err != nil {
			_, back := Undo(p.c, m)
			if back != nil {
				back = fmt.Errorf("undoing it: %w", back)
			}
			return errors.Join(err, back)
		}
	}
	return nil
}

// step makes one step, after it has been written down.
func (p *Plan) step(m Machine, r *record, i int) error {
	s := p.Steps[i]
	kept := s
	kept.After.Data = nil
	r.Steps = append(r.Steps, kept)
	if err := r.save(p.c.at(p.c.record())); err != nil {
		return err
	}
	switch {
	case s.Wait:
		return m.Wait()
	case s.Service != nil:
		return m.Create(s.Service)
	case s.Servers != nil:
		return s.Servers.set(p.c.Uplinks)
	case s.Path != "":
		return s.After.put(p.c.at(s.Path))
	case len(s.Do) > 0:
		return m.Run(s.Do)
	}
	return nil
}

// readRecord reads the record of an installation.
func readRecord(c Config) (r record, err error) {
	path := c.native(c.record())
	text, err := os.ReadFile(c.at(c.record()))
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("%w: there is no %s", ErrNotInstalled, path)
	} else if err != nil {
		return r, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	if r.Version < oldestVersion || r.Version > recordVersion {
		return r, fmt.Errorf("%s is of another version of this program (%d)", path, r.Version)
	}
	return r, nil
}

// ErrNotInstalled is the error of Undo and Adopt where nothing is installed.
var ErrNotInstalled = errors.New("nothing is installed here")

// Undo undoes an installation, the last step first. Of its configuration System, Root and Uplinks
// count. kept lists what others have changed since, and is left as it is. What fails does not keep
// the rest from being undone, and alone is done when it is run again: each step that was undone is
// taken out of the record. After a kill all is repeated, which changes nothing. The service's files
// stay until its commands have succeeded, which would fail without them.
func Undo(c Config, m Machine) (kept []string, err error) {
	recordPath := c.native(c.record())
	r, err := readRecord(c)
	if err != nil {
		return nil, err
	}
	var failed []error
	needed := false // the service's files are
	for i := len(r.Steps) - 1; i >= 0 && !(needed && isReload(r.Steps[i].Do)); i-- {
		s := &r.Steps[i]
		var err error
		switch {
		case s.Path != "":
			var stays bool
			if stays, err = s.restore(c.at(s.Path), r.Address); stays {
				kept = append(kept, c.native(s.Path))
			}
		case s.Service != nil:
			err = m.Delete(s.Service)
		case s.Servers != nil && c.Uplinks == nil: // they are not settings of files
		case s.Servers != nil:
			var stay []string
			stay, err = s.Servers.restore(c.Uplinks, c.System == Systemd)
			kept = append(kept, stay...)
		case len(s.Undo) > 0:
			if err = m.Run(s.Undo); err != nil && ofService(s.Undo) {
				if needed = c.has(unitPath); !needed {
					err = nil // somebody has removed the unit: there is nothing to end
				}
			}
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		r.Steps = slices.Delete(r.Steps, i, i+1)
	}
	if len(failed) > 0 {
		failed = append(failed, r.save(c.at(c.record())))
		return kept, fmt.Errorf("%w\n%s stays: run bailiwick uninstall again when that is mended",
			errors.Join(failed...), recordPath)
	}
	return kept, os.Remove(c.at(c.record()))
}

// restore puts back what was at a path, and reports whether it stays as others have left it.
func (s *Step) restore(path string, address netip.Addr) (stays bool, err error) {
	for _, left := range append(state.Abandoned(path), path+asideSuffix) {
		_ = os.Remove(left) // it is seldom there
	}
	now, err := read(path)
	switch {
	case err != nil:
		return false, err
	case now.identical(&s.Before):
		return false, nil
	case s.Own && now.Kind == Folder:
		return false, os.RemoveAll(path)
	case s.After.Kind == Folder && now.Kind == Folder:
		// Somebody has put something there: os.Remove leaves it.
		return os.Remove(path) != nil, nil
	case now.Kind == Absent, now.same(&s.After), s.Path == resolvPath && pointsAt(&now, address):
		return false, s.Before.put(path)
	}
	return true, nil
}

// pointsAt reports whether a resolv.conf names the server and no other: it was changed since, and
// without the server nothing would resolve (AdguardTeam/AdGuardHome 2213, 2333).
func pointsAt(c *Content, address netip.Addr) bool {
	named := false
	for line := range strings.Lines(string(c.Data)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" {
			if f[1] != address.String() {
				return false
			}
			named = true
		}
	}
	return named
}

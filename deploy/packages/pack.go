// Packages for Debian and Red Hat.

package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers itself
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers itself
)

// installed is where packages have the program; the unit in deploy has it where people put it by
// hand.
const installed, byHand = "/usr/bin/bailiwick", "/usr/local/bin/bailiwick"

// formats are the kinds of packages, with what differs: the package that has useradd, and where zsh
// looks for completions.
var formats = map[string]struct{ useradd, zsh string }{
	"deb": {"passwd", "/usr/share/zsh/vendor-completions/_bailiwick"},
	"rpm": {"shadow-utils", "/usr/share/zsh/site-functions/_bailiwick"},
}

// pack makes a package.
func (b *build) pack(processor, format string) error {
	contents, err := b.contents(processor, format)
	if err != nil {
		return err
	}
	own := func(name string) string {
		return filepath.Join(b.source, "deploy", "packages", "files", name)
	}
	info := nfpm.WithDefaults(&nfpm.Info{Name: "bailiwick", Arch: processor, Platform: "linux",
		Version: b.version, Release: "1", Section: "net", Priority: "optional",
		Maintainer: "Bailiwick's developers <bailiwick@bailiwick.invalid>",
		Description: "validating recursive DNS resolver that says why\n" +
			"Bailiwick resolves names from the root, verifies every answer with DNSSEC,\n" +
			"serves UDP, TCP, TLS, HTTPS and QUIC, and names the cause of every failure.",
		License: "Apache-2.0", MTime: b.date,
		Overridables: nfpm.Overridables{Contents: contents,
			Depends: []string{formats[format].useradd}, RPM: nfpm.RPM{BuildHost: "localhost"},
			Recommends: []string{"ca-certificates"},
			Scripts: nfpm.Scripts{PostInstall: own("postinstall.sh"),
				PreRemove: own("preremove.sh"), PostRemove: own("postremove.sh")}}})
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(b.out, packager.ConventionalFileName(info)))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := packager.Package(info, f); err != nil {
		return err
	}
	return f.Close()
}

// contents are the files of a package.
func (b *build) contents(processor, format string) (list files.Contents, err error) {
	add := func(from, to, kind string, mode os.FileMode) {
		list = append(list, &files.Content{Source: from, Destination: to, Type: kind,
			FileInfo: &files.ContentFileInfo{Mode: mode, MTime: b.date, Owner: "root",
				Group: "root"}})
	}
	add(b.program(processor), installed, "", 0o755)
	add(filepath.Join(b.source, "deploy/packages/files/bailiwick.yaml"),
		"/etc/bailiwick/bailiwick.yaml", files.TypeConfigNoReplace, 0o644)
	for _, dir := range []string{"/etc/bailiwick", "/usr/share/doc/bailiwick"} {
		add("", dir, files.TypeDir, 0o755) // rpm removes those alone that are named
	}
	for _, doc := range []string{"README.md", "CHANGELOG.md", "LICENSE"} {
		add(filepath.Join(b.source, doc), "/usr/share/doc/bailiwick/"+doc, "", 0o644)
	}
	for _, unit := range []string{"bailiwick.service", "bailiwick.socket"} {
		text, err := os.ReadFile(filepath.Join(b.source, "deploy", unit))
		if err != nil {
			return nil, err
		}
		path := filepath.Join(b.work, unit)
		err = os.WriteFile(path, bytes.ReplaceAll(text, []byte(byHand), []byte(installed)), 0o644)
		if err != nil {
			return nil, err
		}
		add(path, "/usr/lib/systemd/system/"+unit, "", 0o644)
	}
	for shell, path := range map[string]string{"zsh": formats[format].zsh,
		"bash": "/usr/share/bash-completion/completions/bailiwick",
		"fish": "/usr/share/fish/vendor_completions.d/bailiwick.fish"} {
		add(filepath.Join(b.work, shell), path, "", 0o644)
	}
	pages, err := filepath.Glob(filepath.Join(b.work, "man", "*.1"))
	if err != nil {
		return nil, err
	}
	for _, page := range pages {
		packed, err := gzipped(page)
		if err != nil {
			return nil, err
		}
		add(packed, "/usr/share/man/man1/"+filepath.Base(packed), "", 0o644)
	}
	slices.SortFunc(list, func(a, c *files.Content) int {
		return strings.Compare(a.Destination, c.Destination)
	})
	return list, nil
}

// gzipped packs a file, without its name and time, and returns the path.
func gzipped(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(text); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return path + ".gz", os.WriteFile(path+".gz", b.Bytes(), 0o644)
}

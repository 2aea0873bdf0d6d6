// Checksums, what the binaries are built from, and the signature.

package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/ProtonMail/go-crypto/openpgp"
)

// sumsFile has the checksums, in the form of sha256sum.
const sumsFile = "SHA256SUMS"

// materials writes what the binaries are built from, as each says of itself: a bill of materials in
// the form of CycloneDX.
func (b *build) materials() error {
	info, err := buildinfo.ReadFile(b.program(b.processors[0]))
	if err != nil {
		return err
	}
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Timestamp: b.date.UTC().Format("2006-01-02T15:04:05Z"),
		Component: &cyclonedx.Component{BOMRef: "bailiwick", Name: "bailiwick",
			Type: cyclonedx.ComponentTypeApplication, Version: b.version}}
	components := []cyclonedx.Component{{BOMRef: "go", Type: cyclonedx.ComponentTypeFramework,
		Name: "go", Version: strings.TrimPrefix(info.GoVersion, "go"),
		PackageURL: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		url := "pkg:golang/" + d.Path + "@" + d.Version
		components = append(components, cyclonedx.Component{BOMRef: url, PackageURL: url,
			Type: cyclonedx.ComponentTypeLibrary, Name: d.Path, Version: d.Version})
	}
	bom.Components = &components
	var text bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&text, cyclonedx.BOMFileFormatJSON).SetPretty(true).
		Encode(bom); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.out, "bailiwick-"+b.version+".cdx.json"), text.Bytes(),
		0o644)
}

// checksums writes those of all files.
func (b *build) checksums() error {
	entries, err := os.ReadDir(b.out)
	if err != nil {
		return err
	}
	var lines []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), sumsFile) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(b.out, e.Name()))
		if err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("%x  %s\n", sha256.Sum256(text), e.Name()))
	}
	slices.SortFunc(lines, func(a, c string) int { return strings.Compare(a[66:], c[66:]) })
	return os.WriteFile(filepath.Join(b.out, sumsFile), []byte(strings.Join(lines, "")), 0o644)
}

// sign signs the checksums, if there is a key.
func (b *build) sign(key string) error {
	if key == "" {
		return nil
	}
	f, err := os.Open(key)
	if err != nil {
		return err
	}
	defer f.Close()
	ring, err := openpgp.ReadArmoredKeyRing(f)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	sums, err := os.Open(filepath.Join(b.out, sumsFile))
	if err != nil {
		return err
	}
	defer sums.Close()
	var text bytes.Buffer
	if err := openpgp.ArmoredDetachSign(&text, ring[0], sums, nil); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.out, sumsFile+".asc"), text.Bytes(), 0o644)
}

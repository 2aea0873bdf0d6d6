// Command packages makes what a release consists of: static binaries for each processor, packages
// for Debian and Red Hat, the list of what they are built from, checksums and their signature. The
// same checkout and compiler make the same files.
//
//	go run . -version 1.2.3 -out DIR [-key FILE] [-processors amd64,arm64]
//
// It is a module of its own, so that the server does not depend on what makes its packages.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	version := flag.String("version", "", "version of the release, for example 1.2.3")
	out := flag.String("out", "", "folder that the files are written to")
	key := flag.String("key", "", "file with the OpenPGP key that signs, with its private part")
	processors := flag.String("processors", "amd64,arm64",
		"processors that there are binaries for; this machine's is among them")
	source := flag.String("source", "../..", "folder of the sources")
	flag.Parse()
	if *version == "" || *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	b := &build{source: *source, version: *version, out: *out,
		processors: strings.Split(*processors, ",")}
	if err := b.release(*key); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

// release makes all files, signed with a key if there is one.
func (b *build) release(key string) error {
	if err := b.prepare(); err != nil {
		return err
	}
	defer b.close()
	for _, processor := range b.processors {
		if err := b.binary(processor); err != nil {
			return err
		}
	}
	if err := b.texts(); err != nil {
		return err
	}
	for _, processor := range b.processors {
		for format := range formats {
			if err := b.pack(processor, format); err != nil {
				return fmt.Errorf("%s for %s: %w", format, processor, err)
			}
		}
	}
	if err := b.materials(); err != nil {
		return err
	}
	if err := b.checksums(); err != nil {
		return err
	}
	return b.sign(key)
}

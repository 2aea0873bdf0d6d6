// Binaries, manual pages and completions.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// build is a release in the making.
type build struct {
	source, version, out string
	processors           []string
	revision             string    // of the sources
	date                 time.Time // of the revision
	work                 string    // a folder for what no release has
}

// prepare makes the folders, and reads the date of the sources: that of the last commit.
func (b *build) prepare() (err error) {
	for _, path := range []*string{&b.source, &b.out} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	text, err := b.run(nil, "git", "log", "-1", "--format=%cI")
	if err != nil {
		return err
	}
	if b.date, err = time.Parse(time.RFC3339, strings.TrimSpace(text)); err != nil {
		return err
	}
	text, err = b.run(nil, "git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
	if err != nil {
		return err
	}
	b.revision = strings.TrimSpace(text)
	b.work, err = os.MkdirTemp("", "packages")
	return err
}

func (b *build) close() { _ = os.RemoveAll(b.work) }

// run runs a program in the folder of the sources.
func (b *build) run(env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = b.source, append(os.Environ(), env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, errs.String())
	}
	return string(text), nil
}

// program is the path of the binary for a processor.
func (b *build) program(processor string) string {
	return filepath.Join(b.out, "bailiwick-"+b.version+"-linux-"+processor)
}

// binary builds the program for a processor: static, and without paths of this machine.
func (b *build) binary(processor string) error {
	_, err := b.run([]string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + processor}, "go", "build",
		"-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version="+b.version+
			" -X main.revision="+b.revision+" -X bailiwick/internal/clock.built="+
			b.date.UTC().Format(time.RFC3339), "-o", b.program(processor), "./cmd/bailiwick")
	return err
}

// texts has the program for this machine write its manual pages and completions.
func (b *build) texts() error {
	own := b.program(runtime.GOARCH)
	if _, err := b.run(nil, own, "man", filepath.Join(b.work, "man")); err != nil {
		return err
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		text, err := b.run(nil, own, "completion", shell)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(b.work, shell), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

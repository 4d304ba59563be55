// A static program whose runtime makes its calls by itself, from many threads.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"
)

func check(what string, err error) {
	if err != nil {
		fmt.Printf("%s: %v\n", what, err)
	}
}

func sum(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	check("copy", err)
	return fmt.Sprintf("%d %x", n, h.Sum(nil))
}

func reading() {
	host, err := os.ReadFile("/etc/hostname")
	check("hostname", err)
	fmt.Printf("hostname %s", host)
	err = filepath.Walk(".", func(p string, i os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		fmt.Println(p, i.Mode(), i.ModTime().Unix())
		if i.Mode().IsRegular() {
			fmt.Println(i.Size(), sum(p))
		}
		return nil
	})
	check("walk", err)
	_, err = os.ReadFile("none")
	check("none", err)
	dir, err := os.Getwd()
	check("getwd", err)
	fmt.Println(dir)
}

func writing() {
	check("mkdir", os.MkdirAll("go/deep/er", 0750))
	f, err := os.OpenFile("go/file", os.O_CREATE|os.O_RDWR|os.O_EXCL, 0640)
	check("create", err)
	for i := 0; i < 1000; i++ {
		fmt.Fprintf(f, "line %d\n", i)
	}
	_, err = f.WriteAt([]byte("LINE"), 0)
	check("writeat", err)
	_, err = f.Seek(0, io.SeekStart)
	check("seek", err)
	head := make([]byte, 14)
	_, err = io.ReadFull(f, head)
	check("read", err)
	fmt.Printf("%q\n", head)
	check("truncate", f.Truncate(500))
	check("chmod", f.Chmod(0600))
	check("sync", f.Sync())
	check("close", f.Close())
	check("close again", f.Close())
	check("rename", os.Rename("go/file", "go/deep/file"))
	check("symlink", os.Symlink("deep/file", "go/soft"))
	check("link", os.Link("go/deep/file", "go/hard"))
	when := time.Unix(1234567890, 987654321)
	check("chtimes", os.Chtimes("go/deep/file", when, when))
	to, err := os.Readlink("go/soft")
	fmt.Println(to, err)
	check("remove", os.Remove("go/deep/er"))
	check("remove", os.Remove("go/deep"))
	check("all", os.RemoveAll("gone"))
	check("chdir", os.Chdir("go"))
	entries, err := os.ReadDir(".")
	check("readdir", err)
	for _, e := range entries {
		fmt.Println(e.Name(), e.Type())
	}
}

func manyAtOnce() {
	var wait sync.WaitGroup
	sums := make([]string, 32)
	for i := range sums {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			name := fmt.Sprintf("by%d", i)
			body := strings.Repeat(name+"\n", 200)
			check("write", os.WriteFile(name, []byte(body), 0600))
			sums[i] = name + " " + sum(name) + " " + sum("numbers")
		}(i)
	}
	wait.Wait()
	sort.Strings(sums)
	fmt.Println(strings.Join(sums, "\n"))
}

func spawning() {
	for i := 0; i < 4; i++ {
		name := fmt.Sprintf("out%d", i)
		out, err := os.Create(name)
		check("create", err)
		in, err := os.Open("numbers")
		check("open", err)
		cmd := exec.Command("head", "-n", fmt.Sprint(i+1))
		cmd.Stdin, cmd.Stdout = in, out
		check("run", cmd.Run())
		in.Close()
		out.Close()
	}
	out, err := exec.Command("sh", "-c", "cat out?; exit 3").Output()
	fmt.Printf("%s%v\n", out, err)
	cmd := exec.Command("cat", "/proc/self/fd/3")
	f, err := os.Open("out2")
	check("open", err)
	cmd.ExtraFiles = []*os.File{f}
	out, err = cmd.Output()
	fmt.Printf("%s%v\n", out, err)
}

func main() {
	parts := map[string]func(){"reading": reading, "writing": writing,
		"many": manyAtOnce, "spawning": spawning}
	parts[os.Args[1]]()
}

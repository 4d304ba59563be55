// Reads the files of a directory by many goroutines while others compute.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
)

func main() {
	var done atomic.Bool
	var spins, workers sync.WaitGroup
	var lock sync.Mutex
	var sums []string

	runtime.GOMAXPROCS(8)
	for i := 0; i < 8; i++ {
		spins.Add(1)
		go func() {
			defer spins.Done()
			// Nothing in it gives way by itself.
			for n := 0; !done.Load(); n++ {
			}
		}()
	}
	names, err := filepath.Glob(os.Args[1] + "/*")
	if err != nil {
		panic(err)
	}
	for i := 0; i < 200; i++ {
		workers.Add(1)
		go func(name string) {
			defer workers.Done()
			data, err := os.ReadFile(name)
			if err != nil {
				panic(err)
			}
			lock.Lock()
			sums = append(sums, fmt.Sprintf("%x", sha256.Sum256(data)))
			lock.Unlock()
		}(names[i%len(names)])
	}
	workers.Wait()
	out, err := exec.Command("cat", os.Args[1]+"/name").Output()
	fmt.Printf("%s%v\n", out, err)
	done.Store(true)
	spins.Wait()
	sort.Strings(sums)
	fmt.Println(len(sums), sums[0], sums[199])
}

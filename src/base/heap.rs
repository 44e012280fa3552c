//! The memory of a short command, asked for at once.
//!
//! A command touches some 150 pages of heap, and each costs a page fault of its own, together a
//! tenth of its time. One request beforehand gets them for a third of that (ADR 0016). Only for the
//! GNU C library on Linux, whose heap lies in one piece and grows as it is told; elsewhere, and
//! where the kernel refuses, memory comes page by page as always.

/// Bytes of heap that a short command comes to use.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SIZE: usize = 576 << 10;
/// Twice this is more than what the allocator has at hand when a process begins, and once this is
/// too little for a mapping of its own.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const BLOCK: usize = 100 << 10;

/// Whoever sets one of the allocator's bounds fixes the others, which it would raise by itself:
/// without this each large buffer of a long command would be mapped, cleared and given back anew.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: libc::c_int = 4 << 20;

/// Asks for the memory. To be called once, by the first thread before there is another.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    unsafe_code,
    reason = "the C library's allocator and the kernel's advice are reached by C functions alone"
)]
pub fn prepare() {
    let page = rustix::param::page_size();
    let Ok(pad) = libc::c_int::try_from(SIZE + page) else {
        return;
    };
    // SAFETY: `mallopt` takes any numbers, the blocks are never used, and freeing nothing is
    // allowed. From the first block to the break the address space is heap of this process, as the
    // allocator keeps it: the padding is below what it gives back. Advice to populate changes no
    // content of mapped memory, and is refused with an error, which nobody needs, where there is
    // none.
    unsafe {
        libc::mallopt(libc::M_TOP_PAD, pad);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        libc::mallopt(libc::M_MMAP_THRESHOLD, KEPT);
        let (first, second) = (libc::malloc(BLOCK), libc::malloc(BLOCK));
        let start = first.map_addr(|address| address.next_multiple_of(page));
        let grown = libc::sbrk(0).addr().saturating_sub(start.addr());
        libc::free(second);
        libc::free(first);
        if grown >= SIZE && first.addr() < second.addr() {
            libc::madvise(start, SIZE, libc::MADV_POPULATE_WRITE);
        }
    }
}

/// Nothing: other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub const fn prepare() {}

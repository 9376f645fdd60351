// Files from a drop or a file dialog, with their paths within the folder that was chosen.

export interface Dropped {
  path: string
  file: File
}

/** All files of a drop, also of folders in it. */
export async function fromDrop(data: DataTransfer): Promise<Dropped[]> {
  // Entries must be taken before the first wait: the browser empties the list after the event. What comes from another program than a
  // file manager can be a file without an entry.
  const files = [...data.items].filter((item) => item.kind === 'file').map((item) => item.webkitGetAsEntry() ?? item.getAsFile())
  return (await Promise.all(files.map((each) => (each instanceof File ? [{ path: each.name, file: each }] : each ? walk(each) : [])))).flat()
}

async function walk(entry: FileSystemEntry): Promise<Dropped[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))
    return [{ path: entry.fullPath.replace(/^\//, ''), file }]
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const found: Dropped[] = []
  // A reader gives at most 100 entries at a time.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return found
    for (const each of some) found.push(...(await walk(each)))
  }
}

export const fromInput = (list: FileList): Dropped[] => [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }))

export const bytes = (n: number): string => (n < 1e6 ? `${Math.ceil(n / 1e3)} kB` : n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(2)} GB`)

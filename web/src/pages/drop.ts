// Files from a drop or a file dialog, with their paths within the folder that was chosen.

export interface Dropped {
  path: string
  file: File
}

/** Whether what is dragged holds files: texts and links are the browser's. */
export const holdsFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes('Files') ?? false

/** Takes files that are dropped anywhere on the page, until the signal ends it: who misses a box would lose the page to the file.
 * @param over told whether files are above the page */
export function takeDrops(over: (is: boolean) => void, dropped: (data: DataTransfer) => void, signal: AbortSignal): void {
  document.addEventListener('dragover', (event) => {
    if (!holdsFiles(event)) return
    event.preventDefault()
    over(true)
  }, { signal })
  // Without a target, the pointer has left the window.
  document.addEventListener('dragleave', ({ relatedTarget }) => { if (!relatedTarget) over(false) }, { signal })
  document.addEventListener('drop', (event) => {
    if (!holdsFiles(event)) return
    event.preventDefault()
    over(false)
    dropped(event.dataTransfer!)
  }, { signal })
}

/** Keeps the browser from opening files that are dropped where nothing takes them, in place of the page. */
export function refuseDrops(): void {
  const refuse = (event: DragEvent): void => {
    if (event.defaultPrevented || !holdsFiles(event)) return
    event.preventDefault()
    event.dataTransfer!.dropEffect = 'none'
  }
  addEventListener('dragover', refuse)
  addEventListener('drop', refuse)
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

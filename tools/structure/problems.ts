/**
 * Finds structure problems of a tree from its imports.
 * @module
 */

/** The files of a tree, and which of them each imports, types included. */
export type Imports = ReadonlyMap<string, readonly string[]>;

/** The intended structure of a tree. */
export interface Plan {
  /**
   * From the top to the bottom: a file imports from its own place and from the
   * lines below. A place is a file, or a folder with a slash at its end. Files
   * in none of them do not belong to the product.
   */
  readonly layers: readonly (readonly string[])[];
  /** By folder, the files that other folders of the product may import. */
  readonly publicFiles: Readonly<Record<string, readonly string[]>>;
  /** The files that users start or import. */
  readonly entries: readonly string[];
  /** How many files a folder may have. */
  readonly mostFiles: number;
}

/** Each problem as a line. */
export function problemsOf(imports: Imports, plan: Plan): string[] {
  const product = new Map(
    [...imports].filter(([file]) => placeOf(file, plan) !== undefined),
  );
  return [
    ...upwardImports(product, plan),
    ...privateImports(product, plan),
    ...unusedFiles(product, plan),
    ...importCircles(imports),
    ...crowdedFolders(product, plan),
  ];
}

function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf("/") + 1);
}

/** The place of a file, the longest name that fits, and its line. */
function placeOf(
  file: string,
  { layers }: Plan,
): { place: string; line: number } | undefined {
  let found: { place: string; line: number } | undefined;
  for (const [line, places] of layers.entries()) {
    for (const place of places) {
      const fits = place.endsWith("/")
        ? file.startsWith(place)
        : file === place;
      if (fits && place.length > (found?.place.length ?? 0)) {
        found = { place, line };
      }
    }
  }
  return found;
}

function upwardImports(product: Imports, plan: Plan): string[] {
  return [...product].flatMap(([file, targets]) => {
    const from = placeOf(file, plan)!;
    return targets.filter((target) => {
      const to = placeOf(target, plan);
      if (to === undefined) return true;
      if (to.line !== from.line) return to.line < from.line;
      // Only files may be on the same line, not folders.
      return to.place !== from.place && to.place.endsWith("/");
    }).map((target) => `${file} imports ${target}, which is not below it`);
  });
}

function privateImports(product: Imports, { publicFiles }: Plan): string[] {
  return [...product].flatMap(([file, targets]) =>
    targets.filter((target) => {
      const folder = folderOf(target);
      if (folder === folderOf(file) || folder === "") return false;
      return !publicFiles[folder]?.includes(target.slice(folder.length));
    }).map((target) =>
      `${file} imports ${target}, which is private to its folder`
    )
  );
}

function unusedFiles(product: Imports, { entries }: Plan): string[] {
  const used = new Set([...entries, ...[...product.values()].flat()]);
  return [...product.keys()].filter((file) => !used.has(file))
    .map((file) => `nothing imports ${file}`);
}

/** Everything that a file imports, its imports import, and so on. */
function reachedFrom(file: string, imports: Imports): Set<string> {
  const reached = new Set<string>();
  const waiting = [...imports.get(file) ?? []];
  for (let next; (next = waiting.pop()) !== undefined;) {
    if (reached.has(next)) continue;
    reached.add(next);
    waiting.push(...imports.get(next) ?? []);
  }
  return reached;
}

/** Import cycles, each with its files. */
function importCircles(imports: Imports): string[] {
  const reached = new Map(
    [...imports.keys()].map((file) => [file, reachedFrom(file, imports)]),
  );
  const circles = [...reached].filter(([file, all]) => all.has(file))
    .map(([file, all]) =>
      [...all].filter((each) => reached.get(each)?.has(file)).sort().join(", ")
    );
  return [...new Set(circles)].map((files) => `import circle: ${files}`);
}

function crowdedFolders(product: Imports, { mostFiles }: Plan): string[] {
  const counts = new Map<string, number>();
  for (const file of product.keys()) {
    const folder = folderOf(file);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts]
    .filter(([folder, count]) => folder !== "" && count > mostFiles)
    .map(([folder, count]) =>
      `${folder} has ${count} files, more than ${mostFiles}`
    );
}

/**
 * A program file (elf(5), 64 bits, little-endian) that gets one more segment,
 * which runs first.
 * @module
 */

const PT_LOAD = 1;
const PT_NOTE = 4;
const PF_X_R = 0b101;

/** The largest page there is: aarch64 has some of 64 KiB. */
const ALIGNMENT = 0x10000;

const HEADER = { e_entry: 24, e_phoff: 32, e_phentsize: 54, e_phnum: 56 };
const SEGMENT = {
  p_type: 0,
  p_flags: 4,
  p_offset: 8,
  p_vaddr: 16,
  p_paddr: 24,
  p_filesz: 32,
  p_memsz: 40,
  p_align: 48,
};

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

/** A position-independent program. */
export class ElfProgram {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;

  /** The program in a file's bytes. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The address of its first instruction. */
  get entry(): number {
    return this.#number(HEADER.e_entry);
  }

  /** The first address that another segment may have. */
  get nextAddress(): number {
    const ends = this.#segments(PT_LOAD).map((at) =>
      this.#number(at + SEGMENT.p_vaddr) + this.#number(at + SEGMENT.p_memsz)
    );
    return aligned(Math.max(...ends));
  }

  /**
   * The file with `code` at {@linkcode nextAddress}, which begins with the
   * first instruction. Its place among the headers is that of the notes, which
   * nothing reads when a program runs.
   */
  beginningWith(code: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const [note] = this.#segments(PT_NOTE);
    if (note === undefined) throw new Error("no PT_NOTE to put a segment at");
    const offset = aligned(this.#bytes.length);
    const made = new Uint8Array(offset + code.length);
    made.set(this.#bytes);
    made.set(code, offset);
    const view = new DataView(made.buffer);
    const set = (field: number, value: number) =>
      view.setBigUint64(field, BigInt(value), true);
    set(HEADER.e_entry, this.nextAddress);
    view.setUint32(note + SEGMENT.p_type, PT_LOAD, true);
    view.setUint32(note + SEGMENT.p_flags, PF_X_R, true);
    set(note + SEGMENT.p_offset, offset);
    set(note + SEGMENT.p_vaddr, this.nextAddress);
    set(note + SEGMENT.p_paddr, this.nextAddress);
    set(note + SEGMENT.p_filesz, code.length);
    set(note + SEGMENT.p_memsz, code.length);
    set(note + SEGMENT.p_align, ALIGNMENT);
    return made;
  }

  #number(field: number): number {
    return Number(this.#view.getBigUint64(field, true));
  }

  /** Where the headers of that type are. */
  #segments(type: number): number[] {
    const first = this.#number(HEADER.e_phoff);
    const size = this.#view.getUint16(HEADER.e_phentsize, true);
    const count = this.#view.getUint16(HEADER.e_phnum, true);
    return Array.from({ length: count }, (_, index) => first + index * size)
      .filter((at) => this.#view.getUint32(at + SEGMENT.p_type, true) === type);
  }
}

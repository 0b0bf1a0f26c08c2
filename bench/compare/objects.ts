import {
  type ObjectRelocation,
  type ObjectSection,
  type ObjectSymbol,
  R_X86_64,
  SHF,
  SHT,
  STB,
  STT,
  writeObject,
} from '@klpkit/formats';

/** How many of what a synthetic object holds. */
export interface Shape {
  readonly functions: number;
  /** Every so many functions have a static variable of their own, all of one name. */
  readonly variableEach: number;
  /** Labels of the compiler at strings (`.LC0`). */
  readonly labels: number;
}

/**
 * An object as gcc writes it with -ffunction-sections -fdata-sections: each function calls the next one, prints a string, warns (an entry
 * of `__bug_table`) and is listed for ftrace; some have a static variable `count.N`, numbered from the other end after a fix.
 *
 * @param fixed the object after the fix: every hundredth function holds another constant, and all numbers and strings moved
 */
export function syntheticObject({ functions, variableEach, labels }: Shape, fixed: boolean): Uint8Array {
  const sections: ObjectSection[] = [];
  const symbols: ObjectSymbol[] = [
    { name: '__fentry__', binding: STB.GLOBAL },
    { name: '_printk', binding: STB.GLOBAL },
  ];
  const add = (symbol: ObjectSymbol): number => symbols.push(symbol) - 1;
  const functionSymbol = (index: number) => symbols.length + index;

  const texts: string[] = fixed ? ['a string that the fix adds in front'] : [];
  const textAt: number[] = [];
  let length = texts.reduce((sum, text) => sum + text.length + 1, 0);
  for (let index = 0; index < functions; index++) {
    textAt.push(length);
    const text = `message ${index}\n`;
    texts.push(text);
    length += text.length + 1;
  }
  const firstFunction = functionSymbol(0);
  for (let index = 0; index < functions; index++)
    add({
      name: `function_${index}`,
      section: index,
      value: 16,
      size: 48,
      type: STT.FUNC,
      binding: index % 3 === 0 ? STB.GLOBAL : STB.LOCAL,
    });
  const variables = Math.ceil(functions / variableEach);
  const firstVariable = symbols.length;
  for (let index = 0; index < variables; index++)
    add({
      name: `count.${fixed ? variables - 1 - index : index}`,
      section: functions + index,
      size: 4,
      type: STT.OBJECT,
    });
  const strings = add({ name: '', section: functions + variables, type: STT.SECTION });
  for (let index = 0; index < labels; index++)
    add({ name: `.LC${index}`, section: functions + variables, value: textAt[index % functions] });
  const textSymbols: number[] = [];
  for (let index = 0; index < functions; index++)
    textSymbols.push(add({ name: '', section: index, type: STT.SECTION }));

  for (let index = 0; index < functions; index++) {
    const data = new Uint8Array(64).fill(0x90);
    // endbr64; call __fentry__; mov $text,%rdi; call printk; incl count; mov $constant,%eax; ud2; jmp next
    data.set([0xf3, 0x0f, 0x1e, 0xfa, 0xe8, 0, 0, 0, 0, 0x48, 0xc7, 0xc7, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0], 16);
    data.set(
      [0xff, 0x05, 0, 0, 0, 0, 0xb8, index & 0xff, (index >> 8) & 0xff, 0, 0, 0x0f, 0x0b, 0xe9, 0, 0, 0, 0],
      37,
    );
    if (fixed && index % 100 === 50) data[46] = 1;
    const relocations: ObjectRelocation[] = [
      { offset: 21, type: R_X86_64.PLT32, symbol: 0, addend: -4 },
      { offset: 28, type: R_X86_64['32S'], symbol: strings, addend: textAt[index] },
      { offset: 33, type: R_X86_64.PLT32, symbol: 1, addend: -4 },
      {
        offset: 39,
        type: R_X86_64.PC32,
        symbol: firstVariable + Math.floor(index / variableEach),
        addend: -4,
      },
      { offset: 51, type: R_X86_64.PLT32, symbol: firstFunction + ((index + 1) % functions), addend: -4 },
    ];
    sections.push({
      name: `.text.function_${index}`,
      flags: SHF.ALLOC | SHF.EXECINSTR,
      data,
      align: 16,
      relocations,
    });
  }
  for (let index = 0; index < variables; index++)
    sections.push({
      name: `.bss.count.${index}`,
      type: SHT.NOBITS,
      flags: SHF.ALLOC | SHF.WRITE,
      data: new Uint8Array(0),
      size: 4,
      align: 4,
    });
  sections.push({
    name: '.rodata.str1.1',
    flags: SHF.ALLOC | SHF.MERGE | SHF.STRINGS,
    data: new TextEncoder().encode(texts.map((text) => `${text}\0`).join('')),
    entsize: 1,
  });
  const bugs = new Uint8Array(functions * 12);
  const view = new DataView(bugs.buffer);
  const bugRelocations: ObjectRelocation[] = [];
  const listRelocations: ObjectRelocation[] = [];
  for (let index = 0; index < functions; index++) {
    view.setUint16(index * 12 + 8, fixed ? index + 7 : index, true);
    view.setUint16(index * 12 + 10, 2305, true);
    bugRelocations.push(
      { offset: index * 12, type: R_X86_64.PC32, symbol: textSymbols[index], addend: 48 },
      { offset: index * 12 + 4, type: R_X86_64.PC32, symbol: strings, addend: textAt[0] },
    );
    listRelocations.push({ offset: index * 8, type: R_X86_64[64], symbol: textSymbols[index], addend: 20 });
  }
  sections.push({
    name: '__bug_table',
    flags: SHF.ALLOC | SHF.WRITE,
    data: bugs,
    relocations: bugRelocations,
  });
  sections.push({
    name: '__mcount_loc',
    flags: SHF.ALLOC,
    data: new Uint8Array(functions * 8),
    align: 8,
    relocations: listRelocations,
  });
  return writeObject({ sections, symbols });
}

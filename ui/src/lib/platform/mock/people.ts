/** Fictional customers and what they write. Numbers are of ranges reserved for fiction. */

const HOUR = 60;
const DAY = 24 * HOUR;

export interface Line {
  /** Minutes before now. */
  ago: number;
  from: 'customer' | 'me' | 'colleague' | 'phone' | 'whatsapp';
  text: string | null;
  kind?: string;
  file?: string;
  mime?: string;
  delivery?: 'sent' | 'delivered' | 'read' | 'uncertain' | 'failed' | 'refused';
  failure?: string;
}

export interface Person {
  name: string | null;
  digits: string;
  queue: string;
  priority?: 'high' | 'urgent';
  unread?: number;
  draft?: string;
  /** Nobody has the conversation, or a colleague of this name; otherwise the user has it. */
  assignee?: null | string;
  resolved?: boolean;
  lines: Line[];
}

export const ME = { id: '0193f000-0000-7000-8000-000000000001', name: 'Nadia Brandt', role: 'agent' };

export const PEOPLE: readonly Person[] = [
  {
    name: 'Lucía Ferrán',
    digits: '0142',
    queue: 'Sales',
    unread: 2,
    lines: [
      {
        ago: DAY + 8 * HOUR,
        from: 'customer',
        text: 'Hola, vi la *Vantor Trail 2.0 AWD* gris en su página. ¿Sigue disponible? Me gustaría verla este fin de semana.',
      },
      { ago: DAY + 8 * HOUR - 1, from: 'customer', text: 'Esta, ¿verdad?', kind: 'image', mime: 'image/jpeg' },
      {
        ago: DAY + 8 * HOUR - 3,
        from: 'me',
        text: '¡Hola, Lucía! Sí, sigue disponible: 2024, 18.400 km, un solo dueño. Te paso la ficha técnica.',
        delivery: 'read',
      },
      {
        ago: DAY + 8 * HOUR - 3,
        from: 'me',
        text: null,
        kind: 'document',
        file: 'Vantor-Trail-2024-ficha-tecnica.pdf',
        mime: 'application/pdf',
        delivery: 'delivered',
      },
      { ago: 40, from: 'customer', text: null, kind: 'audio', mime: 'audio/ogg' },
      { ago: 33, from: 'customer', text: 'Av. del Molino 4421', kind: 'location' },
      {
        ago: 29,
        from: 'colleague',
        text: 'Claro que sí. El sábado podemos llevarla a tu casa entre las 10:00 y las 13:00.',
        delivery: 'read',
      },
      {
        ago: 28,
        from: 'me',
        text: 'Te mando también el recorrido en vídeo: https://northgate.example/vantor-trail',
        delivery: 'failed',
        failure: 'unavailable',
      },
      { ago: 27, from: 'me', text: '¿Te reservo ese horario?', delivery: 'sent' },
      { ago: 3, from: 'customer', text: '¡Perfecto! ¿Y si dejo mi auto en parte de pago, cuánto me darían?' },
      { ago: 2, from: 'customer', text: '¿Y cuánto tarda la entrega a domicilio?' },
    ],
  },
  {
    name: 'Marcus Oyelaran',
    digits: '0117',
    queue: 'Service',
    priority: 'urgent',
    unread: 3,
    lines: [
      { ago: DAY + 60, from: 'customer', text: 'Picked the car up this morning, thanks.' },
      { ago: DAY + 40, from: 'me', text: 'Good to hear, Marcus. Write here if anything comes up.', delivery: 'read' },
      { ago: 12, from: 'customer', text: 'Hello?' },
      { ago: 11, from: 'customer', text: 'I need somebody to look at this _today_.' },
      { ago: 9, from: 'customer', text: 'The warning light is back on. Second time this month.' },
    ],
  },
  {
    name: 'Priya Raghunathan',
    digits: '0163',
    queue: 'Sales',
    unread: 1,
    lines: [
      { ago: 22 * HOUR, from: 'customer', text: 'Hi, is the Lumen City still on offer?' },
      { ago: 21 * HOUR + 55, from: 'me', text: 'It is, until the end of the month.', delivery: 'read' },
      { ago: 21 * HOUR + 49, from: 'customer', text: 'Can you send me the finance breakdown for 48 months?' },
    ],
  },
  {
    name: 'Héctor Salvatierra',
    digits: '0188',
    queue: 'Service',
    unread: 1,
    lines: [{ ago: 18, from: 'customer', text: null, kind: 'audio', mime: 'audio/ogg' }],
  },
  {
    name: null,
    digits: '0176',
    queue: 'Parts',
    unread: 1,
    lines: [{ ago: 24, from: 'customer', text: 'Is this the right cabin filter?', kind: 'image', mime: 'image/jpeg' }],
  },
  {
    name: 'Joanne Pickering-Alderton',
    digits: '0129',
    queue: 'Service',
    priority: 'high',
    lines: [
      { ago: 55, from: 'customer', text: 'When can you look at it?' },
      { ago: 41, from: 'me', text: 'The inspection is booked for Thursday at 9:15', delivery: 'delivered' },
    ],
  },
  {
    name: 'Tomás Irigoyen',
    digits: '0134',
    queue: 'Sales',
    lines: [
      { ago: 80, from: 'customer', text: null, kind: 'unsupported' },
      { ago: 70, from: 'me', text: 'Recibimos tu solicitud, te escribimos por correo', delivery: 'uncertain' },
    ],
  },
  {
    name: 'Dana Whitlock',
    digits: '0119',
    queue: 'Service',
    lines: [
      {
        ago: 2 * DAY + 7 * HOUR,
        from: 'customer',
        text: 'I dropped the car off on Friday and nobody has called me. What is going on?',
      },
      {
        ago: 2 * DAY + 6 * HOUR + 53,
        from: 'me',
        text: "I'm sorry, Dana, that should not have happened. I'm with the workshop now and will write back within the hour.",
        delivery: 'read',
      },
      {
        ago: 2 * DAY + 6 * HOUR + 44,
        from: 'phone',
        text: 'Update: it is the alternator. The part arrives tomorrow and the car will be ready on Wednesday. You get a courtesy car until then, free of charge.',
        delivery: 'read',
      },
      { ago: 2 * DAY + 6 * HOUR + 39, from: 'customer', text: 'OK. I need it by 8 tomorrow.' },
      { ago: 2 * DAY + 4 * HOUR, from: 'whatsapp', text: 'Dana Whitlock changed to a new number', kind: 'system' },
      {
        ago: DAY + 8 * HOUR,
        from: 'me',
        text: 'Good morning Dana. Your courtesy car is ready at bay 3, the keys are at the desk.',
        delivery: 'delivered',
      },
    ],
  },
  {
    name: 'Kwame Asante-Boateng',
    digits: '0151',
    queue: 'Parts',
    draft: 'the winter set you asked about is in',
    lines: [
      { ago: 23 * HOUR + 11, from: 'customer', text: 'Let me know about the tyres' },
      { ago: 23 * HOUR, from: 'me', text: 'I will, as soon as they arrive.', delivery: 'read' },
    ],
  },
  {
    name: 'Renata Solís',
    digits: '0172',
    queue: 'Sales',
    lines: [
      { ago: 20 * HOUR, from: 'customer', text: 'Quedamos el viernes entonces' },
      { ago: 19 * HOUR, from: 'me', text: 'Gracias, Renata. Nos vemos el viernes.', delivery: 'read' },
    ],
  },
  {
    name: 'Beatriz Camacho',
    digits: '0105',
    queue: 'Service',
    lines: [
      { ago: 3 * DAY + HOUR, from: 'customer', text: '¿Me pueden mandar la factura?' },
      { ago: 3 * DAY, from: 'me', text: 'La factura ya está en su correo.', delivery: 'read' },
    ],
  },
  {
    name: 'Iker Zubeldia',
    digits: '0190',
    queue: 'Parts',
    lines: [
      { ago: 4 * DAY + HOUR, from: 'customer', text: '👍' },
      { ago: 4 * DAY, from: 'me', text: 'Quedo pendiente.', delivery: 'refused', failure: 'window_closed' },
    ],
  },
  {
    name: 'Ada Nwosu',
    digits: '0108',
    queue: 'Sales',
    assignee: null,
    unread: 1,
    lines: [{ ago: 31, from: 'customer', text: 'Do you take trade-ins?' }],
  },
  {
    name: 'Piet Hagendoorn',
    digits: '0145',
    queue: 'Service',
    assignee: null,
    unread: 2,
    lines: [
      { ago: 52, from: 'customer', text: 'The key fob stopped working' },
      { ago: 50, from: 'customer', text: 'Anyone there?' },
    ],
  },
  {
    name: 'Carla Mendes',
    digits: '0111',
    queue: 'Sales',
    assignee: 'Beto Ruiz',
    lines: [{ ago: 65, from: 'customer', text: 'Obrigada!' }],
  },
  {
    name: 'Sam Okafor',
    digits: '0196',
    queue: 'Parts',
    resolved: true,
    lines: [{ ago: 2 * DAY, from: 'customer', text: 'All sorted, thank you' }],
  },
];

const FIRST = [
  'Ana',
  'Ben',
  'Chidi',
  'Dora',
  'Emre',
  'Fatou',
  'Gus',
  'Hana',
  'Ines',
  'Jonas',
  'Kaia',
  'Luis',
  'Mina',
  'Noor',
  'Olga',
  'Pau',
];
const LAST = [
  'Abara',
  'Bright',
  'Castell',
  'Duarte',
  'Eklund',
  'Farrow',
  'Gallo',
  'Hale',
  'Ibarra',
  'Jensen',
  'Kovac',
  'Lund',
  'Moss',
];
const QUEUES = ['Sales', 'Service', 'Parts'];

/** One of many customers, for long lists. */
export function someone(index: number): Person {
  const pick = (from: readonly string[], step: number): string => from[Math.floor(index / step) % from.length] ?? '';
  return {
    name: `${pick(FIRST, 1)} ${pick(LAST, FIRST.length)}`,
    digits: String(1_000 + (index % 9_000)).padStart(4, '0'),
    queue: pick(QUEUES, 1),
    unread: index % 3 === 0 ? 1 : 0,
    lines: [
      index % 2 === 0
        ? { ago: 30 + index, from: 'customer', text: `Message ${index} of a customer` }
        : { ago: 30 + index, from: 'me', text: `Answer ${index} to a customer`, delivery: 'read' },
    ],
  };
}
